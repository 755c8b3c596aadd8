//! The different values seen in each group.

use std::hash::BuildHasher;

use hashbrown::hash_table::Entry;
use hashbrown::{DefaultHashBuilder, HashTable};

/// A set of (group, bytes), each with a number from 0 in the order of arrival.
#[derive(Default)]
pub(super) struct Interned {
    hasher: DefaultHashBuilder,
    table: HashTable<u32>,
    members: Vec<Member>,
    bytes: Vec<u8>,
}

struct Member {
    hash: u64,
    start: usize,
    length: u32,
    group: u32,
}

impl Interned {
    /// The number of these bytes in this group, and whether they are new.
    pub fn insert(&mut self, group: u32, bytes: &[u8]) -> (u32, bool) {
        let hash = self.hasher.hash_one((group, bytes));
        let Interned {
            table,
            members,
            bytes: all,
            ..
        } = self;
        let is_same = |&number: &u32| {
            let member = &members[number as usize];
            member.hash == hash && member.group == group && member.of(all) == bytes
        };
        match table.entry(hash, is_same, |&number| members[number as usize].hash) {
            Entry::Occupied(entry) => (*entry.get(), false),
            Entry::Vacant(entry) => {
                let number = members.len() as u32;
                assert!(
                    number < u32::MAX && u32::try_from(bytes.len()).is_ok(),
                    "at most 2^32 different values, of at most 2^32 bytes"
                );
                entry.insert(number);
                members.push(Member {
                    hash,
                    start: all.len(),
                    length: bytes.len() as u32,
                    group,
                });
                all.extend_from_slice(bytes);
                (number, true)
            }
        }
    }

    /// Every member's group and bytes, by number.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let members = self.members.iter();
        members.map(|member| (member.group, member.of(&self.bytes)))
    }
}

impl Member {
    fn of<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        &bytes[self.start..self.start + self.length as usize]
    }
}
