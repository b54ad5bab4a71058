// A list of which only what is in sight is drawn.

function make(tag, name, text) {
  const el = document.createElement(tag);
  if (name) el.className = name;
  if (text !== undefined) el.textContent = text;
  return el;
}

class Roll {
  constructor(port, draw, role) {
    this.port = port; this.draw = draw; this.length = 0; this.whole = false;
    this.sheet = port.appendChild(make("div", "sheet"));
    this.slice = this.sheet.appendChild(make("div", "slice"));
    this.sheet.setAttribute("role", "presentation");
    this.slice.setAttribute("role", role);
    port.addEventListener("scroll", () => this.later(), { passive: true });
    new ResizeObserver(() => { this.measure(); this.later(); }).observe(port);
  }
  /** Rows of this number from now on. */
  set(n) {
    this.length = n;
    this.first = this.last = -1;
    if (!this.height) this.measure();
    this.fill();
  }
  /** Something that holds the width. */
  rule(el) {
    el.classList.add("ruler");
    el.setAttribute("aria-hidden", "true");
    this.ruler?.remove();
    this.ruler = el;
    this.sheet.prepend(el);
  }
  measure() {
    if (!this.length) return;
    const probe = this.slice.appendChild(this.draw(0));
    const height = probe.getBoundingClientRect().height;
    probe.remove();
    if (!height || height === this.height) return;
    const again = this.height !== undefined;
    this.height = height;
    this.first = -1;
    if (again) this.moved?.();
  }
  later() {
    this.frame ??= requestAnimationFrame(() => { this.frame = undefined; this.fill(); });
  }
  /** Draws what is in sight, and as much again above and below. */
  fill() {
    const height = this.height || 20;
    const sight = Math.ceil(this.port.clientHeight / height) + 1;
    const top = Math.floor(this.port.scrollTop / height);
    let first = Math.max(0, top - sight), last = Math.min(this.length, top + sight * 2);
    if (this.whole || this.length <= 200) { first = 0; last = this.length; }
    this.sheet.style.height = `${this.length * height}px`;
    const covered = this.first >= 0 && this.first <= Math.max(0, top - 4) && this.last >= Math.min(this.length, top + sight + 4);
    if (covered && !this.whole) return;
    this.first = first; this.last = last;
    const rows = [];
    for (let n = first; n < last; n++) rows.push(this.draw(n));
    this.slice.replaceChildren(...rows);
    this.slice.style.transform = `translateY(${first * height}px)`;
    this.drawn?.();
  }
  row(n) { return n >= this.first && n < this.last ? this.slice.children[n - this.first] : null; }
  /** Scrolls until row `n` is in sight; to a third from above, where it was not. */
  show(n) {
    const { port, height } = this, y = n * height;
    if (y < port.scrollTop + height || y + 2 * height > port.scrollTop + port.clientHeight) {
      const near = y >= port.scrollTop - 2 * height && y <= port.scrollTop + port.clientHeight + height;
      port.scrollTop = !near ? y - port.clientHeight / 3
        : y < port.scrollTop + height ? y - height
        : y + 2 * height - port.clientHeight;
    }
    this.fill();
  }
  get page() { return Math.max(1, Math.floor(this.port.clientHeight / this.height) - 2); }
}
