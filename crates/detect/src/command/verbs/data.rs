//! Databases, caches and queues, as far as their clients' options and verbs say.

use super::{Args, Ruling, general};
use crate::command::word::has_hole;

pub(super) fn judge(name: &str, args: &Args<'_>) -> Option<Ruling> {
    Some(match name {
        "psql" | "mysql" | "mariadb" | "sqlite3" | "duckdb" | "cqlsh" | "clickhouse-client"
        | "sqlcmd" | "usql" => Ruling::READ,
        "mongo" | "mongosh" => mongo(args),
        "redis-cli" | "valkey-cli" | "keydb-cli" => redis(args),
        "dropdb" | "dropuser" | "pg_dropcluster" => {
            Ruling::destructive_if(!args.is_only_help(), "drops a database or an account")
        }
        "mysqladmin" | "mariadb-admin" => Ruling::destructive_if(
            ["drop", "shutdown", "flush-all", "kill", "password"]
                .iter()
                .any(|verb| args.word(verb)),
            "drops a database or stops the server",
        ),
        "pg_restore" | "mongorestore" => Ruling::destructive_if(
            args.letter('c') && name == "pg_restore" || args.has(&["--clean", "--drop"]),
            "drops what is there before it restores",
        ),
        "pg_dump" | "pg_dumpall" | "mysqldump" | "mongodump" | "mongoexport" | "pg_isready"
        | "pg_basebackup" => Ruling::READ,
        "pg_ctl" | "pg_ctlcluster" | "pg_resetwal" | "pg_archivecleanup" => Ruling::destructive_if(
            args.word("stop")
                || args.word("restart")
                || name == "pg_resetwal"
                || name == "pg_archivecleanup",
            "stops a database or throws its logs away",
        ),
        "etcdctl" | "zkcli" | "zkcli.sh" => Ruling::destructive_if(
            ["del", "rm", "rmdir", "delete", "deleteall", "rmr", "defrag"]
                .iter()
                .any(|verb| args.word(verb))
                || args.word("member") && args.word("remove"),
            "deletes keys of the cluster's store",
        ),
        _ if name.starts_with("kafka-") || name == "rpk" => {
            match args.has(&["--delete"]) || name == "kafka-delete-records" {
                true => Ruling::destructive("deletes a topic or a group"),
                false => general::shared_verb(args, &[]),
            }
        }
        "rabbitmqctl" | "rabbitmqadmin" => Ruling::destructive_if(
            args.all().any(|a| {
                ["delete", "purge", "reset", "force_reset", "stop", "forget", "clear", "shutdown"]
                    .iter()
                    .any(|v| a.text.starts_with(v))
            }),
            "deletes a queue or stops the broker",
        ),
        "influx" | "influxd" | "cypher-shell" | "cbq" | "couchbase-cli" | "mongoimport" => {
            let code = args.all().map(|arg| arg.text.to_ascii_uppercase());
            let drops = code
                .into_iter()
                .any(|text| ["DROP ", "DELETE ", "DETACH "].iter().any(|verb| text.contains(verb)));
            match drops || args.has(&["--drop"]) {
                true => Ruling::destructive("deletes what the database holds"),
                false => general::shared_verb(args, &[]),
            }
        }
        "rails" | "artisan" | "prisma" | "knex" | "alembic" | "flyway" | "liquibase"
        | "sequelize" | "typeorm" | "supabase" | "rake" | "diesel" | "sqlx" | "goose"
        | "dbmate" | "migrate" | "php" | "python" | "python3" | "npx" | "bin/rails"
        | "drizzle-kit" | "atlas" => return migrations(name, args),
        _ => return None,
    })
}

fn mongo(args: &Args<'_>) -> Ruling {
    const DESTROYS: &[&str] = &[
        "dropDatabase(",
        ".drop(",
        "deleteMany(",
        ".remove(",
        "dropIndex",
        "dropUser",
        "shutdownServer",
        "deleteOne(",
        "dropCollection",
        "dropAllUsers",
        "dropRole",
        "findOneAndDelete(",
    ];
    let code = args.value(&["--eval", "-e"]).unwrap_or_default();
    match DESTROYS.iter().any(|call| code.contains(call)) {
        true => Ruling::destructive("deletes what the database holds"),
        false if has_hole(code) && code.len() < 3 => {
            Ruling::unknown("the code is not known before it runs")
        }
        false => Ruling::WRITE,
    }
}

fn redis(args: &Args<'_>) -> Ruling {
    const VALUES: &[&str] = &[
        "-h",
        "-p",
        "-a",
        "-n",
        "-u",
        "-s",
        "-r",
        "-i",
        "-d",
        "--user",
        "--pass",
        "--cert",
        "--key",
        "--cacert",
        "--pattern",
    ];
    let operands = args.operands(VALUES);
    let word = |at: usize| operands.get(at).map_or("", |o| o.text).to_ascii_uppercase();
    let (verb, next) = (word(0), word(1));
    match verb.as_str() {
        "FLUSHALL" | "FLUSHDB" | "SHUTDOWN" | "UNLINK" | "DEL" | "SWAPDB" | "FAILOVER"
        | "SLAVEOF" | "REPLICAOF" | "XTRIM" | "RESTORE" => {
            Ruling::destructive("deletes keys or stops the server")
        }
        "CONFIG" | "SCRIPT" | "CLUSTER" | "DEBUG" | "ACL" | "FUNCTION" | "CLIENT" => {
            Ruling::destructive_if(
                matches!(
                    next.as_str(),
                    "SET"
                        | "FLUSH"
                        | "RESET"
                        | "FORGET"
                        | "SEGFAULT"
                        | "DELUSER"
                        | "SETUSER"
                        | "DELETE"
                        | "KILL"
                        | "REWRITE"
                        | "FLUSHSLOTS"
                        | "RESTART"
                ),
                "changes the server or cuts clients off",
            )
        }
        "EVAL" => Ruling::destructive_if(
            ["FLUSH", "DEL", "UNLINK"].iter().any(|w| next.contains(w)),
            "deletes keys or stops the server",
        ),
        _ => Ruling::destructive_if(
            args.word("FLUSHALL") || args.word("flushall"),
            "deletes keys or stops the server",
        ),
    }
}

/// Frameworks' tasks that throw a database away.
fn migrations(name: &str, args: &Args<'_>) -> Option<Ruling> {
    if args.is_help() || args.is_dry_run() {
        return Some(Ruling::READ);
    }
    let destroys = args.all().take(6).any(|arg| {
        let word = arg.text.as_str();
        matches!(
            word,
            "db:drop"
                | "db:reset"
                | "db:purge"
                | "db:wipe"
                | "db:drop:all"
                | "db:schema:load"
                | "migrate:fresh"
                | "migrate:reset"
                | "migrate:refresh"
                | "db:migrate:reset"
                | "db:truncate_all"
                | "db:migrate:undo:all"
                | "schema:drop"
                | "doctrine:database:drop"
                | "doctrine:schema:drop"
                | "drop-all"
                | "dropAll"
                | "flush"
                | "sqlflush"
                | "reset_db"
                | "reset_schema"
                | "cleanupregistry"
        )
    });
    let pair = |a: &str, b: &[&str]| args.word(a) && b.iter().any(|b| args.word(b));
    let two = pair("migrate", &["reset"]) && matches!(name, "prisma" | "npx" | "supabase")
        || pair("db", &["reset", "drop", "wipe"])
        || pair("database", &["drop", "reset"])
        || matches!(name, "flyway" | "alembic")
            && (args.word("clean") || pair("downgrade", &["base"]))
        || matches!(name, "liquibase" | "typeorm" | "goose" | "dbmate" | "migrate")
            && ["drop", "reset", "down", "drop-all", "rollback"].iter().any(|v| args.word(v));
    match destroys || two || args.has(&["--force-reset", "--accept-data-loss"]) {
        true => Some(Ruling::destructive("throws a database's content away")),
        false => None,
    }
}

/// Whether a command's words are really a statement of SQL or of a cache, typed at a prompt.
pub(super) fn is_statement(name: &str, args: &Args<'_>) -> bool {
    let second = args.text(0).to_ascii_uppercase();
    match name {
        "drop" => matches!(
            second.as_str(),
            "TABLE"
                | "DATABASE"
                | "SCHEMA"
                | "USER"
                | "ROLE"
                | "INDEX"
                | "VIEW"
                | "KEYSPACE"
                | "COLLECTION"
                | "OWNED"
                | "TABLESPACE"
        ),
        "truncate" => second == "TABLE",
        "delete" => {
            second == "FROM" && !args.all().any(|arg| arg.text.eq_ignore_ascii_case("where"))
        }
        "flushall" | "flushdb" => true,
        _ => false,
    }
}
