//! Several values in one word, separated by commas.

use std::fmt::Display;
use std::str::FromStr;

/// At least one value. Commas and blanks may be too many, as where a text is put together
/// from variables of which some are empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Listed<T>(pub(crate) Vec<T>);

impl<T: FromStr<Err: Display>> FromStr for Listed<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let words = text.split(',').map(str::trim_ascii);
        let values = words.filter(|word| !word.is_empty()).map(str::parse);
        let values: Vec<T> = values
            .collect::<Result<_, T::Err>>()
            .map_err(|error| error.to_string())?;
        if values.is_empty() {
            // Nothing would mean everything, or nobody.
            return Err("there is nothing in it".to_string());
        }
        Ok(Self(values))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_between_commas_and_one_is_there_at_least() {
        let parse = str::parse::<Listed<u8>>;
        assert_eq!(parse("1"), Ok(Listed(vec![1])));
        assert_eq!(parse("1,2 , 3,"), Ok(Listed(vec![1, 2, 3])));
        for nothing in ["", " ", ",", " , "] {
            assert_eq!(parse(nothing), Err("there is nothing in it".to_string()));
        }
        assert!(parse("1,x").is_err() && parse("1 2").is_err());
    }
}
