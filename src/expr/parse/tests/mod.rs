use super::super::ast::{Arithmetic, Compare, Expr, ExprKind, Item, Literal, Logic};
use super::*;

/// The tree in fully parenthesised prefix form.
fn tree(expr: &Expr) -> String {
    let all = |list: &[Expr]| list.iter().map(tree).collect::<Vec<_>>().join(" ");
    let not = |negated: &bool| if *negated { "not-" } else { "" };
    match &expr.kind {
        ExprKind::Literal(Literal::Null) => "null".into(),
        ExprKind::Literal(Literal::Bool(b)) => b.to_string(),
        ExprKind::Literal(Literal::Decimal(number)) => number.to_string(),
        ExprKind::Literal(Literal::Long(number)) => number.clone(),
        ExprKind::Literal(Literal::Text(text)) => format!("{text:?}"),
        ExprKind::Literal(Literal::Interval(i)) => {
            format!("{}mo{}d{}ns", i.months, i.days, i.nanoseconds)
        }
        ExprKind::Column(name) => name.clone(),
        ExprKind::Setting(name) => format!(":{name}"),
        ExprKind::Negate(a) => format!("(neg {})", tree(a)),
        ExprKind::Not(a) => format!("(not {})", tree(a)),
        ExprKind::Arithmetic(operator, a, b) => {
            let sign = match operator {
                Arithmetic::Add => "+",
                Arithmetic::Subtract => "-",
                Arithmetic::Multiply => "*",
                Arithmetic::Divide => "/",
                Arithmetic::WholeDivide => "//",
                Arithmetic::Remainder => "%",
            };
            format!("({sign} {} {})", tree(a), tree(b))
        }
        ExprKind::Logic(operator, a, b) => {
            let word = if *operator == Logic::And { "and" } else { "or" };
            format!("({word} {} {})", tree(a), tree(b))
        }
        ExprKind::Compare(operator, a, b) => {
            let sign = match operator {
                Compare::Equal => "=",
                Compare::NotEqual => "!=",
                Compare::Less => "<",
                Compare::LessOrEqual => "<=",
                Compare::Greater => ">",
                Compare::GreaterOrEqual => ">=",
            };
            format!("({sign} {} {})", tree(a), tree(b))
        }
        ExprKind::Match {
            value,
            pattern,
            negated,
        } => {
            format!("({}match {} {})", not(negated), tree(value), tree(pattern))
        }
        ExprKind::In {
            value,
            list,
            negated,
        } => {
            format!("({}in {} {})", not(negated), tree(value), all(list))
        }
        ExprKind::Between {
            value,
            low,
            high,
            negated,
        } => {
            format!(
                "({}between {} {} {})",
                not(negated),
                tree(value),
                tree(low),
                tree(high)
            )
        }
        ExprKind::IsNull { value, negated } => format!("({}null {})", not(negated), tree(value)),
        ExprKind::Case {
            subject,
            arms,
            otherwise,
        } => {
            let mut words = vec!["case".to_owned()];
            words.extend(subject.iter().map(|subject| tree(subject)));
            words.extend(
                arms.iter()
                    .map(|(when, then)| format!("[{} {}]", tree(when), tree(then))),
            );
            words.extend(otherwise.iter().map(|otherwise| tree(otherwise)));
            format!("({})", words.join(" "))
        }
        ExprKind::Call {
            name,
            arguments,
            distinct,
            ..
        } => {
            let distinct = if *distinct { "distinct " } else { "" };
            format!("{name}({distinct}{})", all(arguments))
        }
    }
}

fn parsed(text: &str) -> String {
    match condition(text) {
        Ok(expr) => tree(&expr),
        Err(error) => panic!("{error}"),
    }
}

fn parsed_items(text: &str) -> Vec<(Option<String>, String)> {
    let describe = |item: Item| (item.name.clone(), tree(&item.expr));
    match items(text) {
        Ok(items) => items.into_iter().map(describe).collect(),
        Err(error) => panic!("{error}"),
    }
}

fn refused(text: &str) -> String {
    condition(text)
        .map(|expr| tree(&expr))
        .unwrap_err()
        .to_string()
}

fn refused_items(text: &str) -> String {
    items(text)
        .map(|items| items.len())
        .unwrap_err()
        .to_string()
}

/// Asserts each program's tree.
fn trees(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(parsed(text), *expected, "{text}");
    }
}

#[test]
fn precedence() {
    trees(&[
        ("a or b and not c = d", "(or a (and b (not (= c d))))"),
        ("a || b && !c == d", "(or a (and b (not (= c d))))"),
        ("not not a", "(not (not a))"),
        ("a + b * c - d", "(- (+ a (* b c)) d)"),
        ("(a + b) * c", "(* (+ a b) c)"),
        ("a / b // c % d", "(% (// (/ a b) c) d)"),
        ("-a ^ 2", "(neg pow(a 2))"),
        ("a ^ -2 ** b", "pow(a (neg pow(2 b)))"),
        ("a ^ b ^ c", "pow(a pow(b c))"),
        ("- -a - -1", "(- (neg (neg a)) (neg 1))"),
        ("a + 1 > b * 2", "(> (+ a 1) (* b 2))"),
        ("a == !b", "(= a (not b))"),
    ]);
}

#[test]
fn comparisons() {
    trees(&[
        ("a = b", "(= a b)"),
        ("a<>b", "(!= a b)"),
        ("a!=b or a>=b", "(or (!= a b) (>= a b))"),
        ("(a = b) = c", "(= (= a b) c)"),
        ("path ~ \"^/api/\"", "(match path \"^/api/\")"),
        (
            "path =~ 'x' or path !~ 'y'",
            "(or (match path \"x\") (not-match path \"y\"))",
        ),
        ("c in (\"KR\", 'JP')", "(in c \"KR\" \"JP\")"),
        ("c NOT IN (1)", "(not-in c 1)"),
        ("p between 1 and 9 and q", "(and (between p 1 9) q)"),
        ("p not between 1 + 1 and 9", "(not-between p (+ 1 1) 9)"),
        (
            "note is null and x IS NOT NULL",
            "(and (null note) (not-null x))",
        ),
        ("not a in (1)", "(not (in a 1))"),
    ]);
}

#[test]
fn like_becomes_a_match_or_a_call() {
    trees(&[
        ("a like 'x%'", r#"(match a "(?s)^x")"#),
        ("a like '%x'", r#"(match a "(?s)x$")"#),
        ("a not ilike '%x.y%'", r#"(not-match a "(?is)x\\.y")"#),
        ("a like 'a_%b'", r#"(match a "(?s)^a.(?s-u:.)*b$")"#),
        (r"a like '50\%'", r#"(match a "(?s)^50%$")"#),
        (r"a like '\%%'", r#"(match a "(?s)^%(?s-u:.)*$")"#),
        ("a like ''", r#"(match a "(?s)^$")"#),
        ("a like '%'", r#"(match a "(?s)")"#),
        ("a like b", "like(a b)"),
        ("a not ilike :p", "(not ilike(a :p))"),
        ("like = ilike", "(= like ilike)"),
    ]);
}

#[test]
fn operands() {
    trees(&[
        ("NULL = True", "(= null true)"),
        ("[First Name] = [odd]]name]", "(= First Name odd]name)"),
        ("가격 > user.name", "(> 가격 user.name)"),
        ("items.0.price", "items.0.price"),
        ("x१_ = मात्रा्य", "(= x१_ मात्रा्य)"),
        (":since <= ts", "(<= :since ts)"),
        ("Round(x, 2)", "round(x 2)"),
        ("now()", "now()"),
        ("if(a > 1, 'x', 'y')", "(case [(> a 1) \"x\"] \"y\")"),
        ("IF(a, 1)", "(case [a 1])"),
        ("if = 1", "(= if 1)"),
        (
            "case when a then 1 when b then 2 else 3 end",
            "(case [a 1] [b 2] 3)",
        ),
        ("CASE x WHEN 1 THEN 'a' END", "(case x [1 \"a\"])"),
        ("case -x when 1 then 2 end", "(case (neg x) [1 2])"),
        ("# why\na # because\n > 1", "(> a 1)"),
    ]);
}

#[test]
fn calls_of_aggregates() {
    trees(&[
        ("count(*)", "count()"),
        ("COUNT()", "count()"),
        ("count(distinct x)", "count(distinct x)"),
        ("count(distinct (x))", "count(distinct x)"),
        ("count(distinct)", "count(distinct)"),
        ("sum(distinct / 2)", "sum((/ distinct 2))"),
        (
            "string_agg(distinct a, ',')",
            "string_agg(distinct a \",\")",
        ),
    ]);
}

#[test]
fn texts() {
    trees(&[
        (r#""say ""hi""""#, r#""say \"hi\"""#),
        ("'it''s'", r#""it's""#),
        (r#""a\tb\n\\ \"\'""#, r#""a\tb\n\\ \"'""#),
        (r#""\d+\.csv$""#, r#""\\d+\\.csv$""#),
        (r#""\u{20AC}\u{1F600}""#, "\"€😀\""),
        ("''", r#""""#),
        (
            "\"two\nlines # no comment\"",
            r#""two\nlines # no comment""#,
        ),
    ]);
}

#[test]
fn intervals() {
    trees(&[
        ("15m", "0mo0d900000000000ns"),
        ("1.5h", "0mo0d5400000000000ns"),
        ("1h30m", "0mo0d5400000000000ns"),
        ("2w", "0mo14d0ns"),
        ("1d12h", "0mo1d43200000000000ns"),
        ("1y3mo", "15mo0d0ns"),
        ("0.5ms", "0mo0d500000ns"),
        ("1_000ms", "0mo0d1000000000ns"),
        ("10us", "0mo0d10000ns"),
        ("5ns", "0mo0d5ns"),
        ("t + 15m", "(+ t 0mo0d900000000000ns)"),
    ]);
}

#[test]
fn items_assign_or_stand_bare() {
    let named = |name: &str, tree: &str| (Some(name.to_owned()), tree.to_owned());
    let bare = |tree: &str| (None, tree.to_owned());
    assert_eq!(parsed_items("x = a = b"), [named("x", "(= a b)")]);
    assert_eq!(
        parsed_items("x == b, y=!z"),
        [bare("(= x b)"), named("y", "(not z)")]
    );
    assert_eq!(
        parsed_items("# two\n[a b] = 1, # one\nsum(x),\n"),
        [named("a b", "1"), bare("sum(x)")]
    );
    let found = items("a = 1, total = qty * price").unwrap();
    assert_eq!(found[1].name_span, 7..12);
    assert_eq!(found[1].expr.span, 15..26);
}

#[test]
fn spans_cover_the_whole_expression() {
    fn walk<'e>(expr: &'e Expr, text: &'e str, found: &mut Vec<&'e str>) {
        found.push(&text[expr.span.clone()]);
        match &expr.kind {
            ExprKind::Arithmetic(_, a, b)
            | ExprKind::Logic(_, a, b)
            | ExprKind::Compare(_, a, b) => {
                walk(a, text, found);
                walk(b, text, found);
            }
            ExprKind::Not(a) | ExprKind::Negate(a) => walk(a, text, found),
            ExprKind::Call { arguments, .. } => arguments.iter().for_each(|a| walk(a, text, found)),
            _ => {}
        }
    }
    let text = " ((a + b) * f( c , -d )) = e and not x in (1, 2) ";
    let expr = condition(text).unwrap();
    let mut found = Vec::new();
    walk(&expr, text, &mut found);
    assert_eq!(
        found,
        [
            "((a + b) * f( c , -d )) = e and not x in (1, 2)",
            "((a + b) * f( c , -d )) = e",
            "(a + b) * f( c , -d )",
            "a + b",
            "a",
            "b",
            "f( c , -d )",
            "c",
            "-d",
            "d",
            "e",
            "not x in (1, 2)",
            "x in (1, 2)",
        ]
    );
}

#[test]
fn source_is_one_line() {
    let source = |text: &str| source_of(&items(text).unwrap()[0].expr, text);
    assert_eq!(source("sum( qty  *\n price ) , x"), "sum(qty * price)");
    assert_eq!(
        source("n = concat(a ,  # why\n 'x  y')"),
        "concat(a, 'x  y')"
    );
    assert_eq!(source("day"), "day");
}

#[test]
fn long_chains_stay_shallow() {
    let terms: Vec<String> = (0..20_000).map(|n| format!("id = {n}")).collect();
    assert!(condition(&terms.join(" or ")).is_ok());
    let sum = vec!["a"; 1001].join(" + ");
    assert!(condition(&sum).is_ok());
    assert!(refused(&format!("{sum} + a")).starts_with("the expression is too long\n"));
    assert!(items(&format!("{sum}, {sum}")).is_ok());
}

#[test]
fn deep_nesting_is_refused() {
    let nest = |open: &str, close: &str, levels: usize| {
        format!("{}a{}", open.repeat(levels), close.repeat(levels))
    };
    assert!(condition(&nest("(", ")", 200)).is_ok());
    let message = refused(&nest("(", ")", 100_000));
    assert!(
        message.starts_with("the expression is nested too deeply\n"),
        "{message}"
    );
    assert!(message.ends_with("^ at most 200 levels"), "{message}");
    for open in [
        "not ",
        "!",
        "- ",
        "a ^ ",
        "f(",
        "x in (",
        "case when ",
        "a or b and not c = d + e * (",
    ] {
        let message = refused(&nest(open, "", 100_000));
        assert!(
            message.starts_with("the expression is nested too deeply\n"),
            "{open}: {message}"
        );
    }
    assert!(condition(&nest("a or b and c = d + e * (", ")", 190)).is_ok());
}

mod errors;

proptest::proptest! {
    #[test]
    fn any_text_is_parsed_or_refused(text in "\\PC*") {
        let _ = condition(&text).map_err(|error| error.to_string());
        let _ = items(&text).map_err(|error| error.to_string());
    }

    #[test]
    fn any_words_are_parsed_or_refused(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..20),
        glue in "[ \n]?",
    ) {
        let text = words.join(&glue);
        for expr in [condition(&text), items(&text).map(|mut items| items.remove(0).expr)] {
            match expr {
                Ok(expr) => {
                    let source = source_of(&expr, &text);
                    proptest::prop_assert_eq!(tree(&condition(&source).unwrap()), tree(&expr));
                }
                Err(error) => proptest::prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}

/// Words that make programs, right and wrong.
const WORDS: &[&str] = &[
    "a", "b", "price", "[x y]", "가격", "1", "1_0.5e3", "15m", "1.2.3", "'t'", "\"\\d\"", "'",
    ":s", "and", "or", "not", "in", "between", "is", "null", "case", "when", "then", "else", "end",
    "like", "if(", "count(", "distinct", "*", "(", ")", ",", "=", "==", "<", "=>", "!", "~", "+",
    "-", "//", "^", "\\", "#", "[", "]", ":", "\u{301}",
];
