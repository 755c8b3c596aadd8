//! The product's voice: every error of the parser, word for word.

use super::{refused, refused_items};

#[test]
fn in_a_condition() {
    for (program, expected) in CONDITIONS {
        assert_eq!(refused(program), *expected, "{program}");
    }
}

#[test]
fn in_items() {
    for (program, expected) in ITEMS {
        assert_eq!(refused_items(program), *expected, "{program}");
    }
}

const CONDITIONS: &[(&str, &str)] = &[
    ("", "the expression is empty"),
    (" # x\n", "the expression is empty"),
    (
        "price >",
        r"expected a value after '>', found the end
  price >
         ^",
    ),
    (
        "a and",
        r"expected a value after 'and', found the end
  a and
       ^",
    ),
    (
        "and a",
        r"expected a value, found 'and'
  and a
  ^^^",
    ),
    (
        "a and or b",
        r"expected a value after 'and', found 'or'
  a and or b
        ^^",
    ),
    (
        "a > > 3",
        r"expected a value after '>', found '>'
  a > > 3
      ^",
    ),
    (
        "(a > 1",
        r"'(' without its ')'
  (a > 1
  ^",
    ),
    (
        "sum(a, b",
        r"'(' without its ')'
  sum(a, b
     ^",
    ),
    (
        "a)",
        r"')' without its '('
  a)
   ^",
    ),
    (
        "sum(a b)",
        r"expected ',' or ')' after 'a', found 'b'
  sum(a b)
        ^ for a column with a space in its name write [a b]",
    ),
    (
        "First Name = 3",
        r"expected an operator after 'First', found 'Name'
  First Name = 3
        ^^^^ for a column with a space in its name write [First Name]",
    ),
    (
        "a = 1, b = 2",
        r"expected an operator after '1', found ','
  a = 1, b = 2
       ^ join conditions by 'and'",
    ),
    (
        "a => 3",
        r"'=>' is not an operator
  a => 3
    ^^ write '>='",
    ),
    (
        "a =< 3",
        r"'=<' is not an operator
  a =< 3
    ^^ write '<='",
    ),
    (
        "a = 'x",
        r"a text without its closing quote
  a = 'x
      ^^ add ' where it ends",
    ),
    (
        "1 < x < 5",
        r"comparisons do not chain
  1 < x < 5
        ^ write 1 < x and x < 5, or use between, which includes both ends",
    ),
    (
        "1 <= x <= 5",
        r"comparisons do not chain
  1 <= x <= 5
         ^^ write x between 1 and 5",
    ),
    (
        "a = b = c",
        r"comparisons do not chain
  a = b = c
        ^ join two comparisons by 'and'",
    ),
    (
        "end > 5",
        r"'end' is a word of the language
  end > 5
  ^^^ for the column write [end]",
    ),
    (
        "case > 5",
        r"'case' is a word of the language
  case > 5
  ^^^^ for the column write [case]",
    ),
    (
        "x + end",
        r"'end' is a word of the language
  x + end
      ^^^ for the column write [end]",
    ),
    (
        "a $ b",
        r#"unexpected character '$'
  a $ b
    ^ give shell values by --set name="$value" and read them as :name"#,
    ),
    (
        "a = “x”",
        r#"unexpected character '“'
  a = “x”
      ^ write a straight quote: ""#,
    ),
    (
        "a = 007",
        r#"the number '007' begins with a zero
  a = 007
      ^^^ for the text write "007", for the number 7"#,
    ),
    (
        "a = 0.x",
        r"'0.x' is neither a number nor a length of time
  a = 0.x
      ^^^ for the column write [0.x]; the units of time are y mo w d h m s ms us ns",
    ),
    (
        "a = 12abc",
        r"'12abc' is neither a number nor a length of time
  a = 12abc
      ^^^^^ for the column write [12abc]; the units of time are y mo w d h m s ms us ns",
    ),
    (
        "2023_sales > 1",
        r"'2023_sales' is neither a number nor a length of time
  2023_sales > 1
  ^^^^^^^^^^ for the column write [2023_sales]; the units of time are y mo w d h m s ms us ns",
    ),
    (
        "0.5d",
        r"'0.5d' is no whole length of time
  0.5d
  ^^^^ nanoseconds, and days and longer, come whole: half a day is 12h",
    ),
    (
        "0.5ns > t",
        r"'0.5ns' is no whole length of time
  0.5ns > t
  ^^^^^ nanoseconds, and days and longer, come whole: half a day is 12h",
    ),
    (
        "9999999999999y",
        r"'9999999999999y' is too long a time
  9999999999999y
  ^^^^^^^^^^^^^^",
    ),
    (
        "1.2.3",
        r"'1.2.3' is not a number
  1.2.3
  ^^^^^",
    ),
    (
        "a in 5",
        r"expected '(' after 'in', found '5'
  a in 5
       ^ write in (1, 2, 3)",
    ),
    (
        "a in ()",
        r"'in' needs at least one value
  a in ()
        ^",
    ),
    (
        "a in (1,",
        r"'(' without its ')'
  a in (1,
       ^",
    ),
    (
        "a is 5",
        r"expected 'null' after 'is', found '5'
  a is 5
       ^ write is null or is not null; other values are compared by '='",
    ),
    (
        "a between 1 or 5",
        r"expected 'and' after '1', found 'or'
  a between 1 or 5
              ^^ write between low and high",
    ),
    (
        "[a b = 1",
        r"'[' without its ']'
  [a b = 1
  ^",
    ),
    (
        "[] = 1",
        r"'[]' names no column
  [] = 1
  ^^",
    ),
    (
        "if(a)",
        r"'if' takes 2 or 3 values, found 1
  if(a)
  ^^^^^ write if(condition, then, else)",
    ),
    (
        "case when a then 1",
        r"'case' without its 'end'
  case when a then 1
  ^^^^",
    ),
    (
        "case when a 1 end",
        r"expected 'then' or an operator after 'a', found '1'
  case when a 1 end
              ^",
    ),
    (
        "case end",
        r"'end' is a word of the language
  case end
       ^^^ for the column write [end]",
    ),
    (
        "case a end",
        r"expected 'when' after 'a', found 'end'
  case a end
         ^^^ write case when condition then value else value end",
    ),
    (
        "case when a then 1 b end",
        r"expected 'when', 'else', 'end' or an operator after '1', found 'b'
  case when a then 1 b end
                     ^",
    ),
    (
        "sum(*)",
        r"'*' stands only in count(*)
  sum(*)
      ^",
    ),
    (
        "count(* + 1)",
        r"expected ')' after '*', found '+'
  count(* + 1)
          ^",
    ),
    (
        "f(a,)",
        r"expected a value after ',', found ')'
  f(a,)
      ^",
    ),
    (
        "a = '\\u{zz}'",
        r"'\u{zz}' is not a character
  a = '\u{zz}'
       ^^^^^^ write its number in hexadecimal: \u{20AC}",
    ),
    (
        "a ~* 'x'",
        r#"'~*' is not an operator
  a ~* 'x'
    ^^ for upper or lower case write ~ "(?i)...""#,
    ),
    (
        "a not 5",
        r"expected an operator after 'a', found 'not'
  a not 5
    ^^^",
    ),
    (
        "Date of birth > 3",
        r"expected an operator after 'Date', found 'of'
  Date of birth > 3
       ^^ for a column with a space in its name write [Date of birth]",
    ),
    (
        "a\nb = 3",
        r"expected an operator after 'a', found 'b'
  line 2: b = 3
          ^",
    ),
    (
        "not",
        r"expected a value after 'not', found the end
  not
     ^",
    ),
    (
        "x = not y = z",
        r"comparisons do not chain
  x = not y = z
            ^ join two comparisons by 'and'",
    ),
    (
        "x < 1 y",
        r"expected an operator after '1', found 'y'
  x < 1 y
        ^",
    ),
    (
        "if(a, b, c, d)",
        r"'if' takes 2 or 3 values, found 4
  if(a, b, c, d)
  ^^^^^^^^^^^^^^ write if(condition, then, else)",
    ),
    (
        "f(a))",
        r"')' without its '('
  f(a))
      ^",
    ),
    (
        "a like",
        r"expected a value after 'like', found the end
  a like
        ^",
    ),
    (
        "a not like 3 = 4",
        r"comparisons do not chain
  a not like 3 = 4
               ^ join two comparisons by 'and'",
    ),
    (
        "1m30",
        r"'1m30' is neither a number nor a length of time
  1m30
  ^^^^ for the column write [1m30]; the units of time are y mo w d h m s ms us ns",
    ),
    (
        "1h30q",
        r"'1h30q' is neither a number nor a length of time
  1h30q
  ^^^^^ for the column write [1h30q]; the units of time are y mo w d h m s ms us ns",
    ),
    (
        "a !~* 'x'",
        r#"'!~*' is not an operator
  a !~* 'x'
    ^^^ for upper or lower case write !~ "(?i)...""#,
    ),
    (
        "a === b",
        r"'===' is not an operator
  a === b
    ^^^ write '='",
    ),
    (
        "a ≠ b",
        r"'≠' is not an operator
  a ≠ b
    ^ write '!='",
    ),
    (
        "`a` = 3",
        r"unexpected character '`'
  `a` = 3
  ^ write a column's name as it is, or in brackets: [First Name]",
    ),
    (
        "a | b",
        r"'|' is not an operator
  a | b
    ^ write 'or'; texts are joined by concat(a, b)",
    ),
    (
        "[]] = 1",
        r"'[' without its ']'
  []] = 1
  ^",
    ),
    (
        "a . b",
        r"unexpected character '.'
  a . b
    ^",
    ),
    (
        "a : b",
        r"expected an operator after 'a', found ':'
  a : b
    ^",
    ),
    (
        "a = :",
        r"expected a value after '=', found ':'
  a = :
      ^ a setting is written :name",
    ),
    (
        "\u{200B}a",
        "unexpected character U+200B\n\
\x20 \u{200B}a\n\
\x20 ^",
    ),
    (
        "a & b",
        r"'&' is not an operator
  a & b
    ^ write 'and'",
    ),
    (
        "(a, b) = 1",
        r"expected ')' or an operator after 'a', found ','
  (a, b) = 1
    ^ a list of values stands behind 'in'",
    ),
    (
        "a\n> 1\nand (b => 2)",
        r"'=>' is not an operator
  line 3: and (b => 2)
                 ^^ write '>='",
    ),
    (
        "count(distinct",
        r"'(' without its ')'
  count(distinct
       ^",
    ),
    (
        "count(distinct x",
        r"'(' without its ')'
  count(distinct x
       ^",
    ),
    (
        "a or",
        r"expected a value after 'or', found the end
  a or
      ^",
    ),
    (
        "x = @",
        r"unexpected character '@'
  x = @
      ^",
    ),
    (
        "total as t",
        r"expected an operator after 'total', found 'as'
  total as t
        ^^ for a column with a space in its name write [total as t]",
    ),
    (
        "a ? b : c",
        r"unexpected character '?'
  a ? b : c
    ^ write if(condition, a, b)",
    ),
    (
        "x = 1e1000",
        r"'1e1000' has more than 1,000 digits
  x = 1e1000
      ^^^^^^",
    ),
    (
        "'abc",
        r"a text without its closing quote
  'abc
  ^^^^ add ' where it ends",
    ),
    (
        "f(",
        r"'(' without its ')'
  f(
   ^",
    ),
];

const ITEMS: &[(&str, &str)] = &[
    (
        "2023 = max(x)",
        r"2023 is a constant, not the name of a column
  2023 = max(x)
  ^^^^ to name a column write [2023] = ...; to compare, ==",
    ),
    (
        "a = 1, 'First Name'=x",
        r"'First Name' is a constant, not the name of a column
  a = 1, 'First Name'=x
         ^^^^^^^^^^^^ to name a column write [First Name] = ...; to compare, ==",
    ),
    (
        "2 + 3 = x",
        r"2 + 3 is a constant, not the name of a column
  2 + 3 = x
  ^^^^^ to name a column write [2 + 3] = ...; to compare, ==",
    ),
    ("", "the expression is empty"),
    (
        "a = ",
        r"expected a value after '=', found the end
  a =
     ^",
    ),
    (
        "a = 1 b = 2",
        r"expected ',' or an operator after '1', found 'b'
  a = 1 b = 2
        ^",
    ),
    (
        "a = 1,, b = 2",
        r"expected a value after ',', found ','
  a = 1,, b = 2
        ^",
    ),
    (
        ", a",
        r"expected a value, found ','
  , a
  ^",
    ),
    (
        "sum(x) as total",
        r"expected ',' or an operator after ')', found 'as'
  sum(x) as total
         ^^ name a value by name = value",
    ),
    (
        "total: sum(x)",
        r"expected ',' or an operator after 'total', found ':'
  total: sum(x)
       ^ name a value by name = value",
    ),
    (
        "a := 3",
        r"':=' is not an operator
  a := 3
    ^^ write '='",
    ),
    (
        "end = 3",
        r"'end' is a word of the language
  end = 3
  ^^^ for the column write [end]",
    ),
    (
        "a = 1; b = 2",
        r"unexpected character ';'
  a = 1; b = 2
       ^ separate by ','",
    ),
    (
        "x = case",
        r"'case' is a word of the language
  x = case
      ^^^^ for the column write [case]",
    ),
    (
        "a += 1",
        r"expected a value after '+', found '='
  a += 1
     ^",
    ),
    (
        "a = b = c = d",
        r"comparisons do not chain
  a = b = c = d
            ^ join two comparisons by 'and'",
    ),
    (
        "sum(x) = 3 = 2",
        r"comparisons do not chain
  sum(x) = 3 = 2
             ^ join two comparisons by 'and'",
    ),
];
