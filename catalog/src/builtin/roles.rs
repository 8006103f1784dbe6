//! The roles that every cluster has: its owner, and those for what the owner may leave to others.

use super::rows::rows_of;
use base::id::Oid;

/// pg_authid.oid of the role that owns everything.
pub const OWNER: Oid = Oid(10);

/// Its name, to which the user of the database is not bound.
const OWNER_NAME: &str = "postgres";

/// The role of a name.
pub fn role_named(name: &str) -> Option<Oid> {
    if name == OWNER_NAME {
        return Some(OWNER);
    }
    rows_of("pg_authid").find(|row| row.text("rolname") == name).map(|row| row.oid("oid"))
}

/// The name of a role.
pub fn role_name(role: Oid) -> Option<&'static str> {
    if role == OWNER {
        return Some(OWNER_NAME);
    }
    rows_of("pg_authid").find(|row| row.oid("oid") == role).map(|row| row.text("rolname"))
}

/// Whether a role may act as another: the owner as any, others as themselves and as those they are members of.
pub fn is_member(member: Oid, role: Oid) -> bool {
    let mut granted = rows_of("pg_auth_members");
    member == OWNER
        || member == role
        || granted.any(|row| row.oid("member") == member && row.oid("roleid") == role)
}

#[cfg(test)]
mod tests {
    use super::{OWNER, is_member, role_name, role_named};

    #[test]
    fn roles_are_found_both_ways() {
        assert_eq!(role_named("postgres"), Some(OWNER));
        let (monitor, stats) = (role_named("pg_monitor").unwrap(), role_named("pg_read_all_stats").unwrap());
        assert_eq!(role_name(monitor), Some("pg_monitor"));
        assert!(is_member(monitor, stats) && is_member(OWNER, monitor) && !is_member(stats, monitor));
        assert_eq!(role_named("nobody"), None);
    }
}
