//! Rows sorted by values.

use std::cmp::Ordering;

use zfsp::dataset::property::{Setting, Value};

/// What is sorted by.
pub(super) struct Keys {
    /// Columns, and whether downwards.
    all: Vec<(String, bool)>,
}

impl Keys {
    /// First those downwards, then those upwards.
    pub(super) fn new(up: &[String], down: &[String]) -> Self {
        let up = up.iter().map(|column| (column.clone(), false));
        Self { all: down.iter().map(|column| (column.clone(), true)).chain(up).collect() }
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = &String> {
        self.all.iter().map(|(column, _)| column)
    }

    /// Sorts rows by their values of [`Keys::columns`]; equal ones keep their order.
    pub(super) fn sort<T>(&self, rows: &mut [T], values: impl Fn(&T) -> &[Option<Setting>]) {
        rows.sort_by(|a, b| {
            let pairs = values(a).iter().zip(values(b)).zip(&self.all);
            let orders = pairs.map(|((a, b), (_, is_down))| {
                let order = compare(a.as_ref(), b.as_ref());
                if *is_down { order.reverse() } else { order }
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
    }
}

/// Numbers by size, texts by letters; what has no value comes first.
fn compare(a: Option<&Setting>, b: Option<&Setting>) -> Ordering {
    let key = |setting: &Setting| match &setting.value {
        Value::Bytes(n) | Value::Number(n) | Value::Ratio(n) | Value::Time(n) => (Some(*n), String::new()),
        Value::Text(text) => (None, text.clone()),
    };
    a.map(key).cmp(&b.map(key))
}
