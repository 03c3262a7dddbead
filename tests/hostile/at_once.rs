//! What happens at once: variants side by side, and requests that come while another is held.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join;

use crate::case::Case;
use crate::client::{Answer, Request};
use crate::origin::{Gate, Page, Recipe};
use crate::verdict::{Finding, Tried, own};

/// Variants of one row that run at once.
const SIDE_BY_SIDE: usize = 96;

/// Far longer than a request that waits for nobody takes to reach the origin.
const MOMENT: Duration = Duration::from_millis(100);

/// Tries variants side by side, each with a case of its own, so that what one draws does not
/// depend on how fast the others are.
pub(crate) async fn each<V, R, F>(
    case: &Case,
    variants: Vec<V>,
    attempt: impl Fn(Case, V) -> F,
) -> Tried
where
    F: Future<Output = (String, R)>,
    R: Into<Finding>,
{
    let variants = variants.into_iter();
    let attempts: Vec<F> = variants.map(|v| attempt(case.branch(), v)).collect();
    let mut found = futures_util::stream::iter(attempts).buffered(SIDE_BY_SIDE);
    let mut tried = Tried::default();
    while let Some((variant, finding)) = found.next().await {
        tried.note(variant, finding);
    }
    tried
}

/// Answers `first` by these recipes, but holds that back at the origin until the `others` have come.
/// A subject that lets requests wait for each other lets these wait for the first, unless they
/// reach the origin themselves. All answers, in order.
pub(crate) async fn while_held(
    case: &Case,
    page: &Page,
    recipes: &[Recipe],
    first: &Request,
    others: &[Request],
) -> (Answer, Vec<Answer>) {
    let gate = Gate::shut();
    for recipe in recipes.iter().rev() {
        page.script_first(recipe.clone().when_nonce(&first.nonce).gate(&gate));
    }
    let before = page.count();
    let mut leader = pin!(case.ask(first));
    tokio::select! {
        answer = &mut leader => {
            // It was answered without the origin: nobody can wait for it.
            gate.open();
            return (answer, case.ask_all(others).await);
        }
        _ = page.arrived(before + 1) => {}
    }
    let open = async {
        // Nothing tells from outside that a request waits; what can be told is that it does not.
        let all = before + 1 + others.len() as u64;
        let _ = tokio::time::timeout(MOMENT, page.arrived(all)).await;
        gate.open();
    };
    let (answer, (others, ())) = join(leader, join(case.ask_all(others), open)).await;
    (answer, others)
}

/// Clients who ask while the first one's answer is held back: each must get its own.
pub(crate) async fn own_while_held(
    case: &Case,
    page: &Page,
    recipe: Recipe,
    crowd: &[Request],
) -> Finding {
    let Some((first, others)) = crowd.split_first() else {
        return Finding::no_control("nobody asks");
    };
    page.script(recipe.clone());
    let held = std::slice::from_ref(&recipe);
    let (answer, answers) = while_held(case, page, held, first, others).await;
    let answers = std::iter::once(&answer).chain(&answers).zip(crowd);
    let mut each = answers.map(|(answer, request)| own(answer, request));
    let bad = each.find(|finding| !finding.is_safe());
    bad.unwrap_or_else(|| Finding::safe("not given to those who waited"))
}

/// When an attacker's request comes, seen from those of everyone else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Before,
    FirstOfSeveral,
    AmongSeveral,
}

impl Order {
    pub(crate) const ALL: [Self; 3] = [Self::Before, Self::FirstOfSeveral, Self::AmongSeveral];
}

/// What two others get, beside an attack and after it. The origin answers the attacker by
/// `answered`, and the first of the others, if it is held, by `plain`.
pub(crate) async fn beside(
    case: &Case,
    page: &Page,
    order: Order,
    attack: &Request,
    answered: &[Recipe],
    others: &[Request; 2],
    plain: &Recipe,
) -> Vec<Answer> {
    for recipe in answered.iter().rev() {
        page.script_first(recipe.clone().when_nonce(&attack.nonce));
    }
    let mut served = match order {
        Order::Before => {
            case.ask(attack).await;
            Vec::new()
        }
        Order::FirstOfSeveral => while_held(case, page, answered, attack, others).await.1,
        Order::AmongSeveral => {
            let rest = [attack.clone(), others[1].clone()];
            let plain = std::slice::from_ref(plain);
            let (first, rest) = while_held(case, page, plain, &others[0], &rest).await;
            vec![first, rest[1].clone()]
        }
    };
    served.extend(case.ask_all(others).await);
    served
}

/// The control for what is tried with [`while_held`]: requests of this shape share an answer that
/// everyone may have. A subject that never makes requests wait has no window to be tried.
pub(crate) async fn shared_while_held(
    case: &Case,
    recipe: Recipe,
    shape: impl Fn(Request) -> Request,
) -> Finding {
    let page = case.page();
    let asked: Vec<Request> = (0..4).map(|_| shape(case.get(&page.path))).collect();
    let (first, _) = while_held(case, &page, &[recipe], &asked[0], &asked[1..]).await;
    match page.count() {
        1 if first.status == 200 => Finding::safe("control: those who wait share"),
        n if case.subject.is_ours() => Finding::no_control(format!(
            "control: four requests at once reached the origin {n} times"
        )),
        _ => Finding::safe("nobody waits for another's answer"),
    }
}
