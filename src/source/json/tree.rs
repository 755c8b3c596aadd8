//! The known paths of objects within objects.

use crate::source::keys::Keys;

/// One step of the known paths. A path's steps are joined by dots, and a key that holds dots is as
/// good as the steps that it names.
#[derive(Clone, Debug, Default)]
pub(super) struct Node {
    children: Keys<Node>,
    /// The number of the path that ends here.
    pub(super) slot: Option<u32>,
    /// Of this node among all.
    pub(super) number: usize,
}

impl Node {
    /// The tree of these paths, numbered in order.
    pub(super) fn of(paths: &[String]) -> Self {
        let mut root = Node::default();
        let mut count = 1;
        for (slot, path) in paths.iter().enumerate() {
            let mut node = &mut root;
            for step in path.split('.') {
                node = node.children.find_or_insert(step.as_bytes(), || {
                    count += 1;
                    Node {
                        number: count - 1,
                        ..Node::default()
                    }
                });
            }
            node.slot = Some(slot as u32);
        }
        root
    }

    /// The step below by this key, looked for at `guess` first (see [`Keys::find`]).
    #[inline]
    pub(super) fn child(&self, key: &[u8], guess: &mut usize) -> Option<&Node> {
        match self.children.find(key, guess) {
            None if memchr::memchr(b'.', key).is_some() => self.descendant(key),
            found => found,
        }
    }

    /// The step below at this place, and its key, where JSON writes it as it is.
    #[inline]
    pub(super) fn child_at(&self, place: usize) -> Option<(&[u8], &Node)> {
        self.children.plain_at(place)
    }

    /// The place of the step below by this key.
    pub(super) fn place(&self, key: &[u8]) -> Option<usize> {
        self.children.place(key)
    }

    /// The step below at this place.
    #[inline(always)]
    pub(super) fn at(&self, place: usize) -> Option<&Node> {
        self.children.at(place)
    }

    fn descendant(&self, key: &[u8]) -> Option<&Node> {
        key.split(|&byte| byte == b'.')
            .try_fold(self, |node, step| node.children.find(step, &mut 0))
    }

    pub(super) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }
}
