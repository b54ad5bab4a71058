//! The handbook: the same format in prose, with worked examples.
//!
//! These are the chapters of `docs/format/`. Bytes win over the text, and the text is held to the grammar by
//! a test: a table of the one has the offsets, sizes and names of the other.
//!
//! | chapter | what |
//! |---|---|
//! | [01](labels) | labels, uberblock ring, boot block, configuration keys, which uberblock is active, L2ARC |
//! | [02](nvlist) | name-value lists, XDR and native |
//! | [03](blkptr) | block pointers, DVAs, embedded, holes, encryption bits, gang blocks |
//! | [04](checksums) | every checksum, salts, verifiers, byte order, test vectors |
//! | [05](compression) | every compression, test vectors |
//! | [06](dnode_objset) | dnodes, indirect addressing, object sets, object types, MOS directory |
//! | [07](feature_flags) | features and versions: what each changes on disk |
//! | [10](zap) | micro and fat ZAP, hashing, iteration |
//! | [11](dsl) | directories, datasets, snapshots, properties, bookmarks, deadlists, history, error log |
//! | [12](zpl) | files: attributes, directories, ACLs, xattrs, quotas, volumes |
//! | [13](space) | space maps, removal, DDT, BRT, intent log |
//! | [20](vdevs_raidz) | vdev tree, RAID-Z, reconstruction, expansion |
//! | [21](draid) | dRAID: permutations, groups, distributed spares |
//! | [22](encryption) | keys, suites, MACs, what is visible without a key |
//! | [23](send_streams) | send streams, resume tokens |
//! | [24](reader_recipes) | end-to-end procedures and a self-test list |
#![allow(rustdoc::broken_intra_doc_links)] // `[0]` is an element or a range in the chapters, not a link
#![allow(rustdoc::invalid_html_tags)] // `<id>` is a placeholder
#![allow(rustdoc::invalid_rust_codeblocks)] // indented lines are formulas
#![allow(rustdoc::bare_urls)] // as markdown has them

macro_rules! chapters {
    ($($name:ident $file:literal),* $(,)?) => { $(
        #[doc = include_str!(concat!("../docs/format/", $file))]
        pub mod $name {}
    )* };
}

chapters! {
    labels "01-labels.md",
    nvlist "02-nvlist.md",
    blkptr "03-blkptr.md",
    checksums "04-checksums.md",
    compression "05-compression.md",
    dnode_objset "06-dnode-objset.md",
    feature_flags "07-feature-flags.md",
    zap "10-zap.md",
    dsl "11-dsl.md",
    zpl "12-zpl.md",
    space "13-space.md",
    vdevs_raidz "20-vdevs-raidz.md",
    draid "21-draid.md",
    encryption "22-encryption.md",
    send_streams "23-send-streams.md",
    reader_recipes "24-reader-recipes.md",
}
