//! A call's parameters: decoded in their order, with the raw text that its checksum is over.

/// The parameters of a call, in the order they came; a name may come more than once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters(Vec<(String, String)>);

impl Parameters {
    /// Reads a query, or the body of a form.
    pub(crate) fn parse(raw: &[u8]) -> Self {
        Self(form_urlencoded::parse(raw).map(|(name, value)| (name.into_owned(), value.into_owned())).collect())
    }

    /// The first value of `name`, where it is not empty.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, value)| *known == name && !value.is_empty()).map(|(_, value)| value)
    }

    /// Every value of `name`.
    pub(crate) fn values<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Gives `name` this value alone.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.0.iter().position(|(known, _)| known == name) {
            Some(at) => {
                self.0[at].1 = value;
                let mut seen = 0;
                self.0.retain(|(known, _)| {
                    seen += usize::from(known == name);
                    known != name || seen == 1
                });
            }
            None => self.0.push((name.to_owned(), value)),
        }
    }

    /// Takes `name` out; its first value.
    pub(crate) fn remove(&mut self, name: &str) -> Option<String> {
        let first = self.0.iter().position(|(known, _)| known == name).map(|at| self.0.remove(at).1);
        self.0.retain(|(known, _)| known != name);
        first
    }

    /// Takes out every name that conference servers take for `name`: they make the names of metadata lower case.
    pub(crate) fn remove_any_case(&mut self, name: &str) -> Option<String> {
        let first = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone());
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        first
    }

    /// As a query.
    pub(crate) fn encoded(&self) -> String {
        form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.0).finish()
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Parameters {
    fn from_iter<T: IntoIterator<Item = (N, V)>>(pairs: T) -> Self {
        Self(pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect())
    }
}

/// A query cut into its checksum and what the checksum is over: the bytes as they came, without `checksum=…` and one `&`
/// beside it, wherever it stands. `None` as checksum when there is none or more than one.
pub(crate) fn checksum_cut(raw: &str) -> (Option<&str>, String) {
    const NAME: &str = "checksum=";
    let is_checksum = |part: &&str| part.starts_with(NAME);
    let mut given = raw.split('&').filter(is_checksum).map(|part| &part[NAME.len()..]);
    let checksum = match (given.next(), given.next()) {
        (Some(checksum), None) => Some(checksum),
        _ => None,
    };
    let rest = raw.split('&').filter(|part| !is_checksum(part)).collect::<Vec<_>>().join("&");
    (checksum, rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_may_stand_anywhere() {
        for (raw, rest) in [
            ("a=1&b=2&checksum=x", "a=1&b=2"),
            ("checksum=x&a=1&b=2", "a=1&b=2"),
            ("a=1&checksum=x&b=2", "a=1&b=2"),
            ("checksum=x", ""),
            ("&checksum=x", ""),
            ("name=A+B%2f&checksum=x", "name=A+B%2f"),
            ("mychecksum=1&checksum=x", "mychecksum=1"),
        ] {
            assert_eq!(checksum_cut(raw), (Some("x"), rest.to_owned()), "{raw}");
        }
        assert_eq!(checksum_cut("a=1"), (None, "a=1".to_owned()));
        assert_eq!(checksum_cut("checksum=x&checksum=y").0, None, "which of the two would it be");
    }

    #[test]
    fn parameters_keep_their_order_and_are_set_once() {
        let mut parameters = Parameters::parse(b"a=1&b=x+y%20z&a=2&c=");
        assert_eq!(parameters.get("b"), Some("x y z"));
        assert_eq!(parameters.get("c"), None, "empty is as missing");
        assert_eq!(parameters.values("a").collect::<Vec<_>>(), ["1", "2"]);
        parameters.set("a", "3");
        parameters.set("d", "&");
        assert_eq!(parameters.encoded(), "a=3&b=x+y+z&c=&d=%26");
        assert_eq!(parameters.remove("a").as_deref(), Some("3"));
        assert_eq!(parameters.remove("a"), None);
        let mut parameters = Parameters::parse(b"meta_X=1&META_x=2&b=3");
        assert_eq!(parameters.remove_any_case("meta_x").as_deref(), Some("1"));
        assert_eq!(parameters.encoded(), "b=3");
    }
}
