//! The keys seen so far, compared as machine words, each with the marks around it: `"key":`, `key=`.

/// Keys that are longer, with their marks, are read in full.
const LONGEST: usize = 32;

/// The most keys that are kept.
const MOST: usize = 64;

/// What a key stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The known key at this place.
    Known(u32),
    /// An unknown key.
    Unknown,
}

/// Keys in the order in which they are likely to come.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shape {
    steps: Vec<KeyStep>,
}

/// A key with its marks.
#[derive(Clone, Debug)]
struct KeyStep {
    words: [u128; 2],
    masks: [u128; 2],
    length: u32,
    role: Role,
}

impl KeyStep {
    /// Returns whether the bytes begin with this key; false if there are fewer than `LONGEST` of them.
    #[inline(always)]
    fn begins(&self, bytes: &[u8]) -> bool {
        let Some([low, high]) = bytes.first_chunk::<LONGEST>().map(halves) else {
            return false;
        };
        let differing = (low ^ self.words[0]) & self.masks[0];
        differing == 0 && (self.masks[1] == 0 || (high ^ self.words[1]) & self.masks[1] == 0)
    }
}

#[inline(always)]
fn halves(bytes: &[u8; LONGEST]) -> [u128; 2] {
    let ([low, high], _) = bytes.as_chunks::<16>() else {
        return [0; 2];
    };
    [u128::from_le_bytes(*low), u128::from_le_bytes(*high)]
}

impl Shape {
    /// Returns the role of the key that these bytes begin with, and its length with its marks. Tries the place
    /// `guess` first; if a key is found, `guess` becomes the place after it.
    #[inline(always)]
    pub(crate) fn find(&self, bytes: &[u8], guess: &mut usize) -> Option<(Role, usize)> {
        if let Some(step) = self.steps.get(*guess)
            && step.begins(bytes)
        {
            *guess += 1;
            return Some((step.role, step.length as usize));
        }
        self.search(bytes, guess)
    }

    #[inline(never)]
    fn search(&self, bytes: &[u8], guess: &mut usize) -> Option<(Role, usize)> {
        let count = self.steps.len();
        let behind = (*guess..count).chain(0..(*guess).min(count));
        for place in behind {
            let step = &self.steps[place];
            if step.begins(bytes) {
                *guess = place + 1;
                return Some((step.role, step.length as usize));
            }
        }
        None
    }

    /// Keeps the key that these bytes begin with, of this length with its marks, if it is short and there is room.
    /// It must be one that `find` did not find.
    pub(crate) fn learn(&mut self, bytes: &[u8], length: usize, role: Role, guess: &mut usize) {
        // With fewer bytes, `find` does not recognise even a key that is kept.
        if length > LONGEST || bytes.len() < LONGEST || self.steps.len() >= MOST {
            return;
        }
        let text = &bytes[..length];
        let mut padded = [0; LONGEST];
        padded[..text.len()].copy_from_slice(text);
        let mut mask = [0; LONGEST];
        mask[..text.len()].fill(0xFF);
        let place = (*guess).min(self.steps.len());
        let step = KeyStep {
            words: halves(&padded),
            masks: halves(&mask),
            length: text.len() as u32,
            role,
        };
        self.steps.insert(place, step);
        *guess = place + 1;
    }
}
