use super::*;

#[test]
fn print_marks() {
    let (secrets, wrong) = secrets();
    println!("{wrong:?}");
    let mut all = Vec::new();
    for s in &secrets {
        if s.names.is_empty() {
            for f in &s.shapes {
                let (mark, offset) = rarest_mark(f);
                all.push((filter::cost(&mark), s.id.as_str(), offset));
            }
        }
    }
    all.sort();
    for x in all.iter().rev().take(45) {
        println!("{x:?}");
    }
}
