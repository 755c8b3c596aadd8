//! The known paths through nested objects and arrays.

use crate::format::keys::Keys;

use crate::format::json::path::PathStep;

/// One step of the known paths. A path's keys are joined by dots, and a key with dots is the same as the steps that
/// it names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Node {
    children: Keys<Node>,
    /// Known elements of an array, by index.
    elements: Vec<(usize, Node)>,
    /// The number of the path that ends here.
    pub(crate) slot: Option<u32>,
    /// The number of this node among all.
    pub(crate) number: usize,
}

impl Node {
    /// Returns the tree of these paths, numbered in order.
    pub(crate) fn of(paths: &[Vec<PathStep<&[u8]>>]) -> Self {
        let mut root = Node::default();
        let mut count = 1;
        let mut new = || {
            count += 1;
            Node {
                number: count - 1,
                ..Node::default()
            }
        };
        for (slot, path) in paths.iter().enumerate() {
            let mut node = &mut root;
            for step in path {
                node = match *step {
                    PathStep::Key(key) => node.children.find_or_insert(key, &mut new),
                    PathStep::Index(place) => node.element_or_insert(place, &mut new),
                };
            }
            node.slot = Some(slot as u32);
        }
        root
    }

    fn element_or_insert(&mut self, place: usize, new: impl FnOnce() -> Node) -> &mut Node {
        let known = self.elements.iter().position(|(known, _)| *known == place);
        let known = known.unwrap_or_else(|| {
            self.elements.push((place, new()));
            self.elements.len() - 1
        });
        &mut self.elements[known].1
    }

    /// Returns whether elements of an array are known here.
    #[inline(always)]
    pub(crate) fn has_elements(&self) -> bool {
        !self.elements.is_empty()
    }

    /// Returns the known element at this index of an array.
    pub(crate) fn element(&self, place: usize) -> Option<&Node> {
        let mut elements = self.elements.iter();
        let found = elements.find(|(known, _)| *known == place);
        found.map(|(_, node)| node)
    }

    /// Returns the child with this key, tried at `guess` first (see [`Keys::find`]).
    #[inline]
    pub(crate) fn child(&self, key: &[u8], guess: &mut usize) -> Option<&Node> {
        match self.children.find(key, guess) {
            None if memchr::memchr(b'.', key).is_some() => self.descendant(key),
            found => found,
        }
    }

    /// Returns the child at this place and its key, if JSON writes the key without escapes.
    #[inline]
    pub(crate) fn child_at(&self, place: usize) -> Option<(&[u8], &Node)> {
        self.children.plain_at(place)
    }

    /// Returns the place of the child with this key.
    pub(crate) fn place(&self, key: &[u8]) -> Option<usize> {
        self.children.place(key)
    }

    /// Returns the child at this place.
    #[inline(always)]
    pub(crate) fn at(&self, place: usize) -> Option<&Node> {
        self.children.at(place)
    }

    fn descendant(&self, key: &[u8]) -> Option<&Node> {
        key.split(|&byte| byte == b'.')
            .try_fold(self, |node, step| node.children.find(step, &mut 0))
    }

    pub(crate) fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }
}
