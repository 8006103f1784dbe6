//! Bytes that PostgreSQL 15.18's send functions gave: type OID, modifier, text, hexadecimal.

use super::{BinaryEncoder, TextEncoder, decode_binary};
use crate::sql_type::SqlType;
use crate::text::{IoSettings, parse_text};
use base::id::Oid;

#[test]
fn binary_is_postgresqls_both_ways() {
    for (oid, typmod, text, hex) in SENT {
        let ty = SqlType::with_typmod(Oid(*oid), *typmod).unwrap();
        let datum = parse_text(&ty, text, &IoSettings::default()).unwrap();
        let array = crate::array::from_data(&ty.form, std::slice::from_ref(&datum)).unwrap();
        let mut bytes = Vec::new();
        BinaryEncoder::new(&ty, &array, &IoSettings::default()).unwrap().write(0, &mut bytes).unwrap();
        let shown: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(shown, *hex, "{oid} {text}");
        assert_eq!(decode_binary(&ty, &bytes, &IoSettings::default()).unwrap(), datum, "{oid} {text}");
        bytes.push(0);
        assert!(*oid == 25 || decode_binary(&ty, &bytes, &IoSettings::default()).is_err());
    }
}

#[test]
fn text_of_columns_is_that_of_values() {
    for (oid, typmod, text, _) in SENT {
        let ty = SqlType::with_typmod(Oid(*oid), *typmod).unwrap();
        let settings = IoSettings::default();
        let datum = parse_text(&ty, text, &settings).unwrap();
        let array = crate::array::from_data(&ty.form, std::slice::from_ref(&datum)).unwrap();
        let mut bytes = Vec::new();
        TextEncoder::new(&ty, &array, &settings).unwrap().write(0, &mut bytes).unwrap();
        let mut single = String::new();
        crate::text::format_text(&ty, &datum, &settings, &mut single).unwrap();
        assert_eq!(String::from_utf8(bytes).unwrap(), single);
    }
}

const SENT: &[(u32, i32, &str, &str)] = &[
    (23, -1, "-5", "fffffffb"),
    (16, -1, "true", "01"),
    (701, -1, "1.5", "3ff8000000000000"),
    (1700, -1, "0", "0000000000000000"),
    (1700, -1, "0.00", "0000000000000002"),
    (1700, -1, "1.5", "000200000000000100011388"),
    (1700, -1, "-12345.678", "0003000140000003000109291a7c"),
    (1700, -1, "100000000", "00010002000000000001"),
    (1700, -1, "NaN", "00000000c0000000"),
    (1700, -1, "Infinity", "00000000d0000020"),
    (1700, -1, "-Infinity", "00000000f0000020"),
    (1700, -1, "0.00001", "0001fffe0000000503e8"),
    (1700, 655367, "1.5", "000200000000000300011388"),
    (1700, 655367, "-12345.678", "0003000140000003000109291a7c"),
    (1700, 655367, "100000", "0001000100000003000a"),
    (1700, 655367, "0", "0000000000000003"),
    (1700, 655367, "0.001", "0001ffff00000003000a"),
    (
        1700,
        3276806,
        "12345678901234567890123456789012345678901234.5",
        "000c000a0000000204d2162e23340d801ed204d2162e23340d801ed204d21388",
    ),
    (1082, -1, "2024-02-29", "00002279"),
    (1082, -1, "infinity", "7fffffff"),
    (1082, -1, "0044-03-15 BC", "fff49d7b"),
    (1114, -1, "2024-02-29 01:02:03.5", "0002b579937c79e0"),
    (1114, -1, "-infinity", "8000000000000000"),
    (1186, -1, "1 mon -2 days 03:00:00", "0000000283baec00fffffffe00000001"),
    (2950, -1, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "a0eebc999c0b4ef8bb6d6bb9bd380a11"),
    (1083, -1, "04:05:06", "000000036c8bc080"),
    (1083, -1, "24:00:00", "000000141dd76000"),
    (1266, -1, "04:05:06+02", "000000036c8bc080ffffe3e0"),
    (3802, -1, "{\"a\": 1}", "017b2261223a20317d"),
    (1560, 3, "101", "00000003a0"),
    (1562, -1, "10101010101", "0000000baaa0"),
    (25, -1, "äb", "c3a462"),
    (
        1007,
        -1,
        "{1,NULL,3}",
        "00000001000000010000001700000003000000010000000400000001ffffffff0000000400000003",
    ),
    (1007, -1, "{}", "000000000000000000000017"),
    (
        1007,
        -1,
        "{{1,2},{3,NULL}}",
        "00000002000000010000001700000002000000010000000200000001000000040000000100000004000000020000000400000003ffffffff",
    ),
    (1009, -1, "[0:1]={a,b}", "000000010000000000000019000000020000000000000001610000000162"),
    (22, -1, "1 2", "0000000100000000000000150000000200000000000000020001000000020002"),
    (1009, -1, "{a,\"b c\"}", "0000000100000000000000190000000200000001000000016100000003622063"),
];
