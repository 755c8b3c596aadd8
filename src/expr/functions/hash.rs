//! Hashes of a value's bytes.

use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use super::argument::{bytes, whole};
use super::{Function, Yields, body};
use crate::value::Value;

pub(super) static FUNCTIONS: &[Function] = &[
    Function::new(
        "sha256",
        "text",
        1..=1,
        "the SHA-256 of its bytes, in hexadecimal",
        (
            r#"sha256("abc")"#,
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ),
        |_| {
            body(|arena, arguments| {
                let digest = Sha256::digest(bytes(arena, &arguments[0]));
                let mut out = bumpalo::collections::String::with_capacity_in(64, arena);
                for byte in digest {
                    // Writing to a string cannot fail.
                    let _ = write!(out, "{byte:02x}");
                }
                Ok(Value::Text(out.into_bump_str().as_bytes()))
            })
        },
    )
    .yielding(Yields::Text),
    Function::new(
        "crc32",
        "text",
        1..=1,
        "the CRC-32 of its bytes, 0 to 4294967295: a cheap key to deal records by",
        (r#"crc32("123456789")"#, "3421780262"),
        |_| {
            body(|arena, arguments| {
                let mut crc = flate2::Crc::new();
                crc.update(bytes(arena, &arguments[0]));
                Ok(whole(i64::from(crc.sum())))
            })
        },
    ),
];
