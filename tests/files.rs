//! Transcripts of the commands that show files: `ls`, `tree`, `find`, `stat`, `cat`, `manifest`.
#![allow(missing_docs)]
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, clippy::arithmetic_side_effects)] // a test may fail loudly

#[macro_use]
mod common;

transcripts! {
    help_of_ls: "zexplore ls --help";
    help_of_tree: "zexplore tree --help";
    help_of_find: "zexplore find --help";
    help_of_stat: "zexplore stat --help";
    help_of_cat: "zexplore cat --help";
    help_of_manifest: "zexplore manifest --help";

    ls: "zexplore ls -p fixtures/simple";
    ls_long: "zexplore ls -la /n1 /hundred lab/n1@s1 -p fixtures/simple";
    ls_of_a_snapshot: "zexplore ls -l /n1/.zfs/snapshot/s1 /n1@s1/n2 -p fixtures/simple";
    ls_with_numbers_by_size: "zexplore ls -liSr lab:/modes -p fixtures/simple";
    ls_by_time: "zexplore ls -lht lab:/gaps -p fixtures/simple";
    ls_below: "zexplore ls -R /n1 -p fixtures/simple";
    ls_below_for_a_program: "zexplore ls -R0 /n1 -p fixtures/simple";
    ls_of_directories_themselves: "zexplore ls -ld / /n1 /deep -p fixtures/simple";
    ls_of_names_in_any_bytes: "zexplore ls lab:/names -p fixtures/simple";
    ls_of_old_directories: "zexplore ls -l lab/v1:/modes -p fixtures/zpl-versions";
    ls_of_volumes: "zexplore ls -l -p fixtures/zvol";
    ls_as_json: "zexplore ls /n1 --json -p fixtures/simple";
    ls_of_nothing: "zexplore ls /n1/nowhere -p fixtures/simple";
    ls_of_no_dataset: "zexplore ls lab/nowhere -p fixtures/simple";
    ls_through_a_file: "zexplore ls /hundred/below -p fixtures/simple";
    ls_of_an_encrypted_dataset: "zexplore ls lab/clear lab/parent -p fixtures/encryption-mixed";
    ls_whatever_the_case: "zexplore ls -d lab/insensitive-none:/README lab/insensitive-none:/readme -p fixtures/names";
    ls_before_and_after_replay: "zexplore ls -l lab/fs -p fixtures/unclean-zil";
    ls_replayed: "zexplore ls -l lab/fs --replay -p fixtures/unclean-zil";
    ls_of_a_big_endian_host: "zexplore ls -l -p fixtures/bigendian-mirror";

    tree: "zexplore tree /n1 -p fixtures/simple";
    tree_with_sizes: "zexplore tree -s -L 1 lab:/modes -p fixtures/simple";
    tree_of_volumes: "zexplore tree -p fixtures/zvol";
    tree_as_json: "zexplore tree lab/n1 --json -p fixtures/simple";

    find_by_name: "zexplore find --name 'file-*' -p fixtures/simple";
    find_by_name_whatever_the_case: "zexplore find lab --iname 'FILE*' -p fixtures/simple";
    find_by_type: "zexplore find lab@s1 --type p,s,c,b -p fixtures/simple";
    find_by_size: "zexplore find lab --size +100K -l -p fixtures/simple";
    find_newer: "zexplore find lab --newer '2026-11-22 13:01:39' --type f -p fixtures/simple";
    find_older: "zexplore find lab --older @0 -p fixtures/simple";
    find_datasets: "zexplore find --type z,v -p fixtures/simple";
    find_deleted: "zexplore find lab --deleted -l -p fixtures/simple";
    find_no_time: "zexplore find --newer yesterday -p fixtures/simple";
    find_as_json: "zexplore find lab --name hundred --json -p fixtures/simple";

    stat_of_a_file: "zexplore stat /xattr/few -p fixtures/simple";
    stat_of_acls: "zexplore stat /acl-dir -p fixtures/simple";
    stat_of_a_link: "zexplore stat /link-short -p fixtures/simple";
    stat_of_a_device: "zexplore stat /char-300-70000 -p fixtures/simple";
    stat_of_an_old_file: "zexplore stat lab/v3:/hundred -p fixtures/zpl-versions";
    stat_of_an_object: "zexplore stat lab:#34 -p fixtures/simple";
    stat_of_no_object: "zexplore stat lab:#9999999 -p fixtures/simple";
    stat_of_a_volume: "zexplore stat lab/v4K -p fixtures/zvol";
    stat_with_blocks: "zexplore stat --blocks /sparse -p fixtures/simple";
    stat_with_blocks_on_raidz: "zexplore stat --blocks /record-plus-one -p fixtures/raidz1-3";
    stat_with_lost_blocks: "zexplore stat --blocks lab/fs:/damaged -p fixtures/errlog";
    stat_of_what_only_the_log_has: "zexplore stat lab/fs:/z-created --replay -p fixtures/unclean-zil";
    stat_as_json: "zexplore stat /hundred --blocks --json -p fixtures/simple";

    cat: "zexplore cat /hundred -p fixtures/simple";
    cat_a_part: "zexplore cat /text-records --offset 131060 --length 30 -p fixtures/simple";
    cat_through_a_link: "zexplore cat /link-short -p fixtures/simple";
    cat_a_directory: "zexplore cat /deep -p fixtures/simple";
    cat_what_the_log_has: "zexplore cat lab/fs:/z-created --replay -p fixtures/unclean-zil";
    cat_what_only_the_log_has: "zexplore cat lab/fs:/z-created -p fixtures/unclean-zil";

    manifest: "zexplore manifest -d lab/n1 -r -p fixtures/simple";
    manifest_without_hashes: "zexplore manifest -d lab/v512 --no-hash -p fixtures/zvol";
    manifest_of_what_is_lost: "zexplore manifest -d lab/fs -p fixtures/errlog";
    manifest_of_what_is_encrypted: "zexplore manifest -d lab/parent -p fixtures/encryption-mixed";
}
