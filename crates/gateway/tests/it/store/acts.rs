//! An act of an operator is told to be done in the transaction that does it.

use roundelay::store::{
    ActFilter, ActOutcome, KeyChange, KeyRow, NewAct, OperatorId, OperatorRow, Role, Scope, Store, StoreFault,
};
use roundelay_ledger::{AccountId, AccountKind, ApiKey, KeyId, Limits, Terms};
use tempfile::tempdir;

use super::{account, money::top_up};

fn act(name: &str) -> NewAct {
    NewAct { at_us: 7, operator: None, who: "socket".to_owned(), act: name.to_owned(), object: None, account: None }
}

/// Does it as an act whose end nobody writes down, as if the process had ended there; says what is kept of it.
fn outcome<T>(store: &Store, does: impl FnOnce(&Store) -> Result<T, StoreFault>) -> ActOutcome {
    let number = store.begin_act(&act("it")).unwrap();
    let _ = does(&store.doing(number));
    let latest = store.within(&Scope::All).acts(&ActFilter::default(), 1).unwrap();
    assert_eq!(latest[0].number, number);
    latest[0].outcome
}

#[test]
fn what_is_changed_is_told_done_in_the_same_transaction() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let acme = account("acme", None, Terms::new(AccountKind::Postpaid));
    let id = AccountId::new("acme").unwrap();
    let key = KeyRow {
        key: ApiKey {
            id: KeyId::new("k1"),
            account: id.clone(),
            name: String::new(),
            allowed: None,
            created_at: 1,
            expires_at: None,
            revoked_at: None,
        },
        limits: Limits::default(),
        on_disconnect: None,
        networks: None,
        hash: [1; 32],
    };
    let operator = OperatorRow {
        id: OperatorId::new("o1"),
        name: "ci".to_owned(),
        role: Role::Viewer,
        account: Some(id.clone()),
        hash: [2; 32],
        created_at: 1,
        expires_at: None,
        revoked_at: None,
    };
    let (done, not_done) = (ActOutcome::Done, ActOutcome::Begun);
    let none = KeyId::new("none");
    assert_eq!(outcome(&store, |store| store.create_key(&key)), not_done, "it has no account");
    assert_eq!(outcome(&store, |store| store.create_account(&acme)), done);
    assert_eq!(outcome(&store, |store| store.create_account(&acme)), not_done, "it is there");
    assert_eq!(outcome(&store, |store| store.change_account(&id, &acme.terms, None)), done);
    assert_eq!(outcome(&store, |store| store.create_key(&key)), done);
    assert_eq!(outcome(&store, |store| store.change_key(&key.key.id, &KeyChange::default())), done);
    assert_eq!(outcome(&store, |store| store.change_key(&none, &KeyChange::default())), not_done);
    assert_eq!(outcome(&store, |store| store.revoke_key(&key.key.id, 9)), done);
    assert_eq!(outcome(&store, |store| store.revoke_key(&none, 9)), not_done);
    assert_eq!(outcome(&store, |store| store.post(&top_up("acme", 5, "once"))), done);
    assert_eq!(outcome(&store, |store| store.post(&top_up("nobody", 5, "twice"))), not_done);
    assert_eq!(outcome(&store, |store| store.create_operator(&operator)), done);
    assert_eq!(outcome(&store, |store| store.create_operator(&operator)), not_done, "it is there");
    assert_eq!(outcome(&store, |store| store.renew_operator(&operator.id, &[3; 32], false)), done);
    assert_eq!(outcome(&store, |store| store.revoke_operator(&operator.id, 9)), done);
    assert_eq!(outcome(&store, |store| store.revoke_operator(&OperatorId::new("none"), 9)), not_done);
}

#[test]
fn refusals_alone_are_forgotten() {
    let dir = tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let number = store.begin_act(&act("kept")).unwrap();
    store.finish_act(number, ActOutcome::Done, Some("it"), None, Some("{}")).unwrap();
    store.begin_act(&act("begun")).unwrap();
    for _ in 0..10_005 {
        store.keep_refusal(&act("refused"), "{}").unwrap();
    }
    let scope = Scope::All;
    let (mut found, mut before) = (Vec::new(), None);
    loop {
        let page = store.within(&scope).acts(&ActFilter { since_us: None, before }, 1_000).unwrap();
        before = page.last().map(|row| row.number);
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let refused = found.iter().filter(|row| row.outcome == ActOutcome::Refused).count();
    assert_eq!((found.len(), refused), (10_002, 10_000));
    let kept = found.last().unwrap();
    assert_eq!(
        (kept.act.act.as_str(), kept.outcome, kept.act.object.as_deref()),
        ("kept", ActOutcome::Done, Some("it"))
    );
    assert_eq!(found[10_000].outcome, ActOutcome::Begun, "an act whose end nobody wrote down stays so");
}
