//! Traces: what each format says, what is refused and where, and what comes back as it was.

use std::io::{Cursor, Read, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use memtide_core::page::{Access, PAGE_SIZE};
use memtide_sim::Reference;
use memtide_sim::trace::{
    Format, OBJECTS, Place, Problem, Trace, TraceError, TraceWriter, Unit, write_oracle_general,
};
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

const LACKEY: &str = "\
==9408== Lackey, an example Valgrind tool
==9408== Command: /bin/true
the program says hello
I  0401ab70,3
 S 1fff000778,8
 L 04222cac,4
 M 0421c7cc,4
 S orry, said the program
==9410== Exit code:       0
";

const MEMREF: &str = "\
Output format:
<--record#-> <--instr#->: <---tid---> <record details>
------------------------------------------------------------
           1           0:     2765542 <marker: version 5>
       47445       37770:     2765543 ifetch       5 byte(s) @ 0x0000000000404a7e 48 8b 5c 24 08
       47446       37770:     2765543 read         8 byte(s) @ 0x00007fdf64e2adc8 by PC 0x404a7e
       47447       37770:     2765543 write        8 byte(s) @ 0x00007fdf64e2adc0 by PC 0x404a7e
       47448       37770:     2765543 pref-r      64 byte(s) @ 0x00007fdf64e2ae00 by PC 0x404a7e
View tool results:
";

const MEMTRACE_SIMPLE: &str = "\
Format: <data address>: <data size>, <(r)ead/(w)rite/opcode>
0x7f59c2d002d3:  5, call
0x7ffeacab0ec8:  8, w
0x7ffeacab0ed0:  8, r
";

const MEMTRACE_X86: &str = "\
Format: <instr address>,<(r)ead/(w)rite>,<data size>,<data address>
0x402680,r,8,0x7f8881e37c70
0x402680,w,8,0x7f8881e37a70
";

const TEXT: &str = "# addresses\n0x10000\n\n0x20008 w\nx 0x30000  # code\n65536,r\n";

const IDS: &str = "5\n7\n5\n18446744073709551615\n";

fn reference(address: u64, access: Access) -> Reference {
    Reference { address, access }
}

fn object(id: u64) -> Reference {
    reference(OBJECTS + id * PAGE_SIZE, Access::Read)
}

fn all(mut trace: Trace) -> Result<Vec<Reference>, TraceError> {
    let (mut found, mut batch) = (Vec::new(), Vec::new());
    while trace.read(&mut batch)? {
        found.extend(&batch);
    }
    Ok(found)
}

fn read(bytes: impl Into<Vec<u8>>, format: Option<Format>) -> Result<Vec<Reference>, TraceError> {
    all(Trace::of_bytes(bytes.into(), format)?)
}

fn good(bytes: impl Into<Vec<u8>>) -> Vec<Reference> {
    read(bytes, None).expect("a good trace")
}

fn oracle_general(objects: &[u64]) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_oracle_general(&mut bytes, objects).expect("memory takes bytes");
    bytes
}

fn memtide(references: &[Reference], unit: Unit) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut writer = TraceWriter::new(&mut bytes, unit).expect("memory takes bytes");
    writer.write(references).expect("usable addresses");
    let (_, written) = writer.finish().expect("memory takes bytes");
    assert_eq!((written.references, written.bytes), (references.len() as u64, bytes.len() as u64));
    bytes
}

/// A trace of each format with its format, and something of each kind in it.
fn one_of_each() -> Vec<(Format, Vec<u8>)> {
    let references: Vec<_> = (0..70_000)
        .map(|n: u64| reference(0x5555_0000_0000 + n * n % 0x10_0000, Access::Write))
        .collect();
    vec![
        (Format::Lackey, LACKEY.into()),
        (Format::Memref, MEMREF.into()),
        (Format::Memref, MEMTRACE_SIMPLE.into()),
        (Format::Memref, MEMTRACE_X86.into()),
        (Format::Addresses, TEXT.into()),
        (Format::Ids, IDS.into()),
        (Format::OracleGeneral, oracle_general(&[1, 2, 1, 1 << 40, 2])),
        (Format::Memtide, memtide(&references, Unit::Byte)),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("memory takes bytes");
    encoder.finish().expect("memory takes bytes")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    compress_to_vec(bytes, CompressionLevel::Fastest)
}

#[test]
fn lackey_tells_instructions_loads_stores_and_modifications() {
    let mut trace = Trace::of_bytes(LACKEY.into(), None).expect("a trace");
    let mut found = Vec::new();
    assert!(trace.read(&mut found).expect("a good trace"));
    let wanted = [
        reference(0x401_ab70, Access::Execute),
        reference(0x1f_ff00_0778, Access::Write),
        reference(0x422_2cac, Access::Read),
        reference(0x421_c7cc, Access::Write),
    ];
    assert_eq!(found, wanted);
    assert!(!trace.read(&mut found).expect("the end"));
    assert_eq!((trace.format(), trace.passed_over()), (Format::Lackey, 5));
}

#[test]
fn memref_is_read_as_three_tools_of_dynamorio_print_it() {
    let (data, code) = (0x7fdf_64e2_adc0, 0x40_4a7e);
    assert_eq!(
        good(MEMREF),
        [
            reference(code, Access::Execute),
            reference(data + 8, Access::Read),
            reference(data, Access::Write)
        ]
    );
    assert_eq!(
        good(MEMTRACE_SIMPLE),
        [
            reference(0x7f59_c2d0_02d3, Access::Execute),
            reference(0x7ffe_acab_0ec8, Access::Write),
            reference(0x7ffe_acab_0ed0, Access::Read)
        ]
    );
    assert_eq!(
        good(MEMTRACE_X86),
        [reference(0x7f88_81e3_7c70, Access::Read), reference(0x7f88_81e3_7a70, Access::Write)]
    );
}

#[test]
fn a_text_says_with_its_first_line_whether_numbers_are_addresses_or_names() {
    assert_eq!(
        good(TEXT),
        [
            reference(0x1_0000, Access::Read),
            reference(0x2_0008, Access::Write),
            reference(0x3_0000, Access::Execute),
            reference(0x1_0000, Access::Read)
        ]
    );
    assert_eq!(good(IDS), [object(5), object(7), object(5), object(1 << 28)]);
    let as_addresses = read("65536\n131072\n", Some(Format::Addresses)).expect("a good trace");
    assert_eq!(as_addresses[1], reference(0x2_0000, Access::Read));
    let as_names = read("0x10 w\n", Some(Format::Ids)).expect("a good trace");
    assert_eq!(as_names, [Reference { access: Access::Write, ..object(16) }]);
}

#[test]
fn each_request_of_oracle_general_is_a_read_of_the_objects_page() {
    assert_eq!(good(oracle_general(&[3, 1, 3])), [object(3), object(1), object(3)]);
}

#[test]
fn oracle_general_names_the_next_request_of_each_object() {
    let bytes = oracle_general(&[3, 1, 3]);
    let next: Vec<i64> = bytes
        .chunks(24)
        .map(|record| i64::from_le_bytes(record[16..].try_into().expect("8 bytes")))
        .collect();
    assert_eq!(next, [2, -1, -1]);
}

#[test]
fn a_reference_across_pages_is_one_of_each_page() {
    let found = good(" L 10fffc,8\n");
    assert_eq!(found, [reference(0x10_fffc, Access::Read), reference(0x11_0000, Access::Read)]);
}

#[test]
fn a_format_is_recognised_by_its_content_whatever_the_file_is_called() {
    for (format, bytes) in one_of_each() {
        let mut trace = Trace::of_bytes(bytes.clone(), None).expect("a trace");
        let mut batch = Vec::new();
        trace.read(&mut batch).expect("a good trace");
        assert_eq!(trace.format(), format);
    }
}

#[test]
fn what_the_content_does_not_tell_the_name_does() {
    let silent = b"nothing\n";
    for (name, format) in [
        ("a.lackey", Format::Lackey),
        ("a.lackey.gz", Format::Lackey),
        ("A.MEMREF.zst", Format::Memref),
        ("w01.oracleGeneral.bin.zst", Format::OracleGeneral),
        ("a.oracleGeneral", Format::OracleGeneral),
        ("a.txt", Format::Text),
        ("dir.txt/a.memtide", Format::Memtide),
    ] {
        assert_eq!(Format::detect(silent, Path::new(name)), Some(format), "{name}");
    }
    assert_eq!(Format::detect(silent, Path::new("a.bin")), None);
}

#[test]
fn gzip_and_zstd_are_read_as_they_are() {
    for (format, bytes) in one_of_each() {
        let plain = good(bytes.clone());
        assert_eq!(good(gzip(&bytes)), plain, "{format:?}");
        assert_eq!(good(zstd(&bytes)), plain, "{format:?}");
    }
}

#[test]
fn members_and_frames_one_behind_the_other_are_one_trace() {
    let (first, second) = LACKEY.as_bytes().split_at(150);
    let skippable = [&0x184d_2a53_u32.to_le_bytes()[..], &5_u32.to_le_bytes(), b"hello"].concat();
    assert_eq!(good([gzip(first), gzip(second)].concat()), good(LACKEY));
    assert_eq!(good([skippable, zstd(first), zstd(second)].concat()), good(LACKEY));
}

#[test]
fn a_truncated_trace_is_refused_with_the_place_whatever_its_format() {
    let behind = |text: &str, last: &str| {
        let end = text.find(last).expect("it is there") + last.len();
        Vec::from(&text[..end])
    };
    for (format, cut, place) in [
        (Format::Lackey, behind(LACKEY, " S 1fff0007"), Place::Line(5)),
        (Format::Memref, behind(MEMREF, "read         8 by"), Place::Line(6)),
        (Format::Memref, behind(MEMTRACE_SIMPLE, "0ec8:  "), Place::Line(3)),
        (Format::Memref, behind(MEMTRACE_X86, "0x402680,w"), Place::Line(3)),
        (Format::Text, b"0x10000\n0x".into(), Place::Line(2)),
        (Format::OracleGeneral, oracle_general(&[1, 2, 1])[..60].into(), Place::Byte(48)),
    ] {
        let error = read(cut, Some(format)).expect_err("it is cut");
        assert!(matches!(error.problem, Problem::Truncated { .. }), "{error}");
        assert_eq!(error.place, Some(place), "{error}");
        assert!(error.blames_input());
    }
}

#[test]
fn our_own_format_notices_every_cut() {
    let references: Vec<_> = (1..40_000).map(|n| reference(n << 17, Access::Read)).collect();
    let bytes = memtide(&references, Unit::Byte);
    // Somewhere in the header, in each block's header, in each block, in the end mark.
    let near_the_end = bytes.len() - 24..bytes.len();
    for cut in (0..60).chain((60..bytes.len()).step_by(997)).chain(near_the_end) {
        let error = read(&bytes[..cut], Some(Format::Memtide)).expect_err("it is cut");
        assert!(matches!(error.problem, Problem::Truncated { .. }), "{cut}: {error}");
    }
}

#[test]
fn a_compressed_trace_that_is_cut_is_truncated_and_not_merely_shorter() {
    for (_, bytes) in one_of_each() {
        for compressed in [gzip(&bytes), zstd(&bytes)] {
            let cut = &compressed[..compressed.len() * 2 / 3];
            let error = read(cut, Some(Format::Lackey)).expect_err("it is cut");
            assert!(matches!(error.problem, Problem::Truncated { .. }), "{error}");
        }
    }
}

#[test]
fn damage_is_noticed_and_never_read_as_references() {
    let bytes = memtide(&[reference(0x10_0000, Access::Read); 1000], Unit::Byte);
    for at in (0..bytes.len()).step_by(7) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x20;
        // The reserved bytes of the header alone say nothing.
        if !(11..16).contains(&at) {
            let error = read(damaged, Some(Format::Memtide)).expect_err("it is damaged");
            assert!(error.to_string().contains("expected"), "{at}: {error}");
        }
    }
    for compressed in [gzip(&bytes), zstd(LACKEY.as_bytes())] {
        let mut damaged = compressed.clone();
        let middle = damaged.len() / 2;
        damaged[middle] ^= 0x55;
        read(damaged, None).expect_err("it is damaged");
    }
}

#[test]
fn what_is_wrong_is_told_with_file_place_and_what_was_expected() {
    let mut huge = memtide(&[reference(0x10_0000, Access::Read)], Unit::Byte);
    huge[16..20].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut many_bytes = huge.clone();
    many_bytes[20..24].copy_from_slice(&u32::MAX.to_le_bytes());
    let mut newer = huge.clone();
    newer[8] = 9;
    let mut oracle = oracle_general(&[1, 2]);
    oracle[40..48].copy_from_slice(&(-7_i64).to_le_bytes());
    let cases: [(Format, Vec<u8>, &str, &str); 13] = [
        (Format::Lackey, b" L 10,8\n L zz,8\n".into(), "line 2", "\" L zz,8\""),
        (Format::Lackey, b" L 10,99999999999999999999\n".into(), "line 1", "\" L 1ffeffe7e0,8\""),
        (Format::Lackey, b"I  11112222333344445,3\n".into(), "line 1", "I  04001090,3"),
        (Format::Memref, b"0x10: 8, r\n0x10; 8\n".into(), "line 2", "0x7ffeacab0ec8:  8, w"),
        (Format::Memref, b"1: T1 flip 8 byte(s) @ 0x10\n".into(), "line 1", "flip"),
        (Format::Text, b"1\n2\nthree\n".into(), "line 3", "\"three\": expected a number a line"),
        (Format::Text, b"0x10 r w\n".into(), "line 1", "r, w or x"),
        (Format::Text, b"18446744073709551616\n".into(), "line 1", "18446744073709551616"),
        (Format::OracleGeneral, oracle, "byte 40", "-7 as the number of a next request"),
        (Format::Memtide, b"MEMFIDE\x1a rest".into(), "byte 0", "the magic \"MEMTIDE\\x1a\""),
        (Format::Memtide, newer, "byte 8", "version 9: expected version 1"),
        (Format::Memtide, huge, "byte 16", "a block of 4294967295 references"),
        (Format::Memtide, many_bytes, "byte 16", "in 4294967295 bytes"),
    ];
    for (format, bytes, place, told) in cases {
        let error = read(bytes, Some(format)).expect_err(told).to_string();
        assert!(error.starts_with(&format!("bytes: {place}: ")), "{error}");
        assert!(error.contains(told) && error.contains("expected"), "{error}");
    }
}

#[test]
fn a_trace_without_references_is_none() {
    for (bytes, format) in [
        (&b""[..], None),
        (b"", Some(Format::OracleGeneral)),
        (b"==1== Lackey, an example Valgrind tool\n", None),
        (b"# nothing\n", Some(Format::Text)),
    ] {
        let error = read(bytes, format).expect_err("it is empty");
        assert!(matches!(error.problem, Problem::Empty { .. }), "{error}");
    }
    let error = read(memtide(&[], Unit::Byte), None).expect_err("it is empty");
    assert!(matches!(error.problem, Problem::Empty { .. }), "{error}");
}

#[test]
fn what_is_no_trace_is_told_with_its_first_bytes() {
    let error = read(&b"\x7fELF\x02\x01\x01\0"[..], None).expect_err("an executable");
    assert!(error.to_string().contains("\\x7fELF"), "{error}");
    assert!(error.to_string().contains("--format"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_to_blame_and_one_that_cannot_be_read_is_not() {
    let error = Trace::open(Path::new("/nonexistent/trace"), None).expect_err("nothing there");
    assert!(error.blames_input());
    assert!(error.to_string().starts_with("/nonexistent/trace: cannot be opened"), "{error}");
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("the cable is out"))
        }
    }
    let error = Trace::of_source("pipe", Broken, None).expect_err("a broken pipe");
    assert!(!error.blames_input());
    assert!(error.to_string().contains("pipe: cannot be read: the cable is out"), "{error}");
}

#[test]
fn a_source_that_gives_a_byte_at_a_time_is_read_the_same() {
    struct Slow(Cursor<Vec<u8>>);
    impl Read for Slow {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            let length = into.len().min(1);
            self.0.read(&mut into[..length])
        }
    }
    for (format, bytes) in one_of_each() {
        for bytes in [bytes.clone(), gzip(&bytes), zstd(&bytes)] {
            let slow = Slow(Cursor::new(bytes.clone()));
            let trace = Trace::of_source("slow", slow, None).expect("a trace");
            assert_eq!(all(trace).expect("a good trace"), good(bytes), "{format:?}");
        }
    }
}

#[test]
fn the_progress_reaches_the_end_of_the_file_and_counts_references() {
    let bytes = gzip(LACKEY.as_bytes());
    let length = bytes.len() as u64;
    let trace = Trace::of_bytes(bytes, None).expect("a trace");
    let progress = trace.progress();
    all(trace).expect("a good trace");
    assert_eq!((progress.read(), progress.total), (length, Some(length)));
    assert_eq!(progress.references(), 4);
}

fn any_reference() -> impl Strategy<Value = Reference> {
    let address = prop_oneof![0x1_0000_u64..0x7fff_ffff_0000, 0x1_0000_u64..0x2_0000];
    let access = prop_oneof![Just(Access::Read), Just(Access::Write), Just(Access::Execute)];
    (address, access).prop_map(|(address, access)| reference(address, access))
}

proptest! {
    #[test]
    fn what_is_written_in_our_own_format_reads_back(
        references in proptest::collection::vec(any_reference(), 1..300),
        times in 1_usize..400,
    ) {
        let references = references.repeat(times);
        prop_assert_eq!(&good(memtide(&references, Unit::Byte)), &references);
        let pages: Vec<_> = references
            .iter()
            .map(|made| reference(made.address / PAGE_SIZE * PAGE_SIZE, made.access))
            .collect();
        prop_assert_eq!(good(memtide(&references, Unit::Page)), pages);
    }

    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..400),
        format in proptest::sample::select(&Format::ALL[..]),
    ) {
        let _ = read(bytes.clone(), Some(format));
        let _ = read(bytes, None);
    }
}

#[test]
fn an_address_that_no_program_may_use_is_not_written() {
    let mut writer = TraceWriter::new(Vec::new(), Unit::Byte).expect("memory takes bytes");
    let error = writer.write(&[reference(0x10, Access::Read)]).expect_err("the null page");
    assert!(error.to_string().contains("0x10"), "{error}");
}

#[test]
fn our_own_format_takes_about_a_byte_for_a_step_and_four_for_a_far_page() {
    let steps: Vec<_> =
        (0..10_000).map(|n| reference(0x40_0000 + 4 * n, Access::Execute)).collect();
    assert!(memtide(&steps, Unit::Byte).len() < 10_100);
    let far: Vec<_> =
        (0..10_000_u64).map(|n| object(n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 44)).collect();
    assert!(memtide(&far, Unit::Page).len() < 41_000);
}
