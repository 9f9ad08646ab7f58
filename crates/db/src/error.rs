//! What can go wrong at the database. The driver's own error stays inside as a source: callers decide by
//! variant, never by a driver's code or text.

type Source = Box<dyn std::error::Error + Send + Sync>;

/// Why a database call failed.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The engine can't be reached or can't take work now (also: disk full, closed handle). A read may be
    /// repeated. A [`crate::Write`] that ends so is done wholly or not at all, and which of the two is unknown.
    #[error("the database is unavailable while {attempt}")]
    Unavailable {
        /// What was being done.
        attempt: &'static str,
        /// The driver's error, where there is one.
        #[source]
        source: Option<Source>,
    },
    /// A row with the same unique key exists. Nothing was written.
    #[error("a row with this key exists already")]
    Duplicate,
    /// A guard of the write changed no row. Nothing was written.
    #[error("the condition `{guard}` of the write does not hold")]
    Unmet {
        /// The name given to [`crate::Write::expect`].
        guard: &'static str,
    },
    /// `one` found no row.
    #[error("no such row")]
    NotFound,
    /// A column is missing or holds something else than asked for.
    #[error("column `{column}` holds {found}, not {wanted}")]
    Decode {
        /// The column's name.
        column: String,
        /// What the row has there.
        found: &'static str,
        /// The type asked for.
        wanted: &'static str,
    },
    /// The database was migrated by a newer program; this one must not touch it.
    #[error(
        "the database is newer than this program: it has migration `{migration}` of `{service}`; upgrade the program"
    )]
    TooNew {
        /// Whose migration.
        service: String,
        /// Its name.
        migration: String,
    },
    /// A migration that the database has already run reads differently now, or their order changed.
    #[error("migration `{migration}` of `{service}` differs from the one the database has run")]
    MigrationChanged {
        /// Whose migration.
        service: String,
        /// Its name.
        migration: String,
    },
    /// The URL or the file it names can't be used. Trying again does not help.
    #[error("cannot open the database: {reason}")]
    Open {
        /// What is wrong and what would be right; never the URL, which may hold a password.
        reason: String,
        /// The cause, where there is one.
        #[source]
        source: Option<Source>,
    },
    /// The engine refused the statement: a bug in the SQL, or a constraint other than a unique key.
    #[error("the database refused {attempt}")]
    Engine {
        /// What was being done.
        attempt: &'static str,
        /// The driver's error.
        #[source]
        source: Source,
    },
}

impl DbError {
    /// True when the same call may succeed later without any change: the engine is away or overloaded.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    pub(crate) fn closed() -> Self {
        Self::Unavailable { attempt: "using a closed handle", source: None }
    }
}
