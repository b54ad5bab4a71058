//! Transcripts of `zexplore datasets` and `zexplore get`: a command line and all that it says.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

transcripts! {
    datasets_help: "zexplore datasets --help";
    get_help: "zexplore get --help";

    datasets: "zexplore datasets -p fixtures/simple";
    datasets_of_all_types: "zexplore datasets -t all -p fixtures/streams";
    datasets_named: "zexplore datasets lab@s1 lab#mark #54 -p fixtures/simple";
    datasets_below: "zexplore datasets lab/n1 -r -t fs,snap -p fixtures/simple";
    datasets_to_a_depth: "zexplore datasets -d 1 -p fixtures/simple";
    datasets_one_level_below: "zexplore datasets lab/n1 -d 1 -t fs -p fixtures/simple";
    datasets_snapshots_of_one: "zexplore datasets lab -t snap -p fixtures/simple";
    datasets_sorted: "zexplore datasets -t all -o name,written,refer,guid -S written -s name -p fixtures/simple";
    datasets_exact: "zexplore datasets -x -t snap -p fixtures/simple";
    datasets_hidden: "zexplore datasets --hidden -p fixtures/redaction";
    datasets_volumes: "zexplore datasets -t vol -o name,volsize,volblock,used,refreservation -p fixtures/zvol";
    datasets_encrypted: "zexplore datasets -o name,encryption,keyformat,encryptionroot,keylocation,pbkdf2iters -p fixtures/encryption-mixed";
    datasets_of_version_1: "zexplore datasets -t all -p fixtures/pool-version-1";
    datasets_of_a_big_endian_host: "zexplore datasets -t all -p fixtures/bigendian-mirror";
    datasets_at_a_txg: "zexplore datasets -T 20 -t all -p fixtures/simple";
    datasets_as_json: "zexplore datasets -t bookmark,vol -o name,type,used,guid,ratio --json -p fixtures/streams";
    datasets_no_such: "zexplore datasets lab/none -p fixtures/simple";
    datasets_no_such_bookmark: "zexplore datasets lab#none -p fixtures/simple";
    datasets_no_such_column: "zexplore datasets -o name,size -p fixtures/simple";
    datasets_no_such_type: "zexplore datasets -t files -p fixtures/simple";
    holds: "zexplore datasets --holds -p fixtures/simple";
    holds_as_json: "zexplore datasets --holds --json -p fixtures/simple";

    get_all_of_one: "zexplore get all lab/q -p fixtures/quotas";
    get_all_of_a_snapshot: "zexplore get all lab/src@a -p fixtures/streams";
    get_all_of_a_bookmark: "zexplore get all lab/fs#book -p fixtures/redaction";
    get_all_of_a_volume: "zexplore get all lab/reserved -x -p fixtures/zvol";
    get_some: "zexplore get used,compression,org.example:note lab/n1 -r -t fs,snap -p fixtures/simple";
    get_what_was_set: "zexplore get all -s local,inherited,received -t fs -p fixtures/encryption-mixed";
    get_hidden_ones_by_name: "zexplore get inconsistent,unique,prevsnap,keyguid lab/partial lab/src -p fixtures/streams";
    get_as_json: "zexplore get used,compressratio,creation,acltype,origin lab lab/clone --json -p fixtures/simple";
    get_of_pool: "zexplore get --of-pool -p fixtures/block-cloning";
    get_some_of_pool: "zexplore get size,dedupratio,dedup_table_size,feature@fast_dedup --of-pool -p fixtures/dedup-fast";
    get_of_pool_of_version_1: "zexplore get --of-pool -s local,none -p fixtures/pool-version-1";
    get_userspace: "zexplore get --userspace -p fixtures/quotas";
    get_userspace_as_json: "zexplore get --userspace all lab/q -x --json -p fixtures/quotas";
    get_userspace_encrypted: "zexplore get --userspace all lab/clear lab/dedup -p fixtures/encryption-mixed";
    get_no_permissions: "zexplore get --allow -p fixtures/simple";
    get_no_such_property: "zexplore get used,bogus -p fixtures/simple";
    get_dataset_for_property: "zexplore get lab -p fixtures/simple";
    get_no_such_property_of_pool: "zexplore get mounted --of-pool -p fixtures/simple";
}
