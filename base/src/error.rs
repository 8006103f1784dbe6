//! The one error type of the program and the kinds that callers act on.
//!
//! Invariant: a kind says what the caller must do; the server alone turns kinds into SQLSTATE codes.

use crate::id::SchemaId;
use std::fmt;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, as coarse as PostgreSQL's conditions. The comment names the SQLSTATE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// 42601
    Syntax,
    /// 0A000
    Unsupported,
    /// 42P01
    UndefinedTable,
    /// 42703
    UndefinedColumn,
    /// 42883
    UndefinedFunction,
    /// 42704
    UndefinedObject,
    /// 3F000
    UndefinedSchema,
    /// 3D000
    UndefinedDatabase,
    /// 42P02
    UndefinedParameter,
    /// 42P07
    DuplicateTable,
    /// 42P06
    DuplicateSchema,
    /// 42701
    DuplicateColumn,
    /// 42712
    DuplicateAlias,
    /// 42710
    DuplicateObject,
    /// 42723
    DuplicateFunction,
    /// 42702
    AmbiguousColumn,
    /// 42P21
    CollationMismatch,
    /// 42P09
    AmbiguousAlias,
    /// 42725
    AmbiguousFunction,
    /// 42804
    DatatypeMismatch,
    /// 42846
    CannotCoerce,
    /// 42P18
    IndeterminateDatatype,
    /// 42803
    Grouping,
    /// 42P20
    Windowing,
    /// 42P10
    InvalidColumnReference,
    /// 42P16
    InvalidTableDefinition,
    /// 42P17
    InvalidObjectDefinition,
    /// 42611
    InvalidColumnDefinition,
    /// 42P15
    InvalidSchemaDefinition,
    /// 42P13
    InvalidFunctionDefinition,
    /// 428C9
    GeneratedAlways,
    /// 42939
    ReservedName,
    /// 42809
    WrongObjectType,
    /// 2BP01
    DependentObjects,
    /// 42501
    InsufficientPrivilege,
    /// 22003
    NumericOutOfRange,
    /// 22012
    DivisionByZero,
    /// 22P02
    InvalidText,
    /// 22P03
    InvalidBinary,
    /// 22007
    InvalidDatetime,
    /// 22008
    DatetimeOverflow,
    /// 22009
    TimeZoneDisplacement,
    /// 22015
    IntervalFieldOverflow,
    /// 22001
    StringTooLong,
    /// 22026
    StringLengthMismatch,
    /// 42602
    InvalidName,
    /// 54023
    TooManyArguments,
    /// 2202E
    ArraySubscript,
    /// 22P05
    UntranslatableCharacter,
    /// 22021
    CharacterNotInRepertoire,
    /// 22023
    InvalidParameterValue,
    /// 2200H
    SequenceLimit,
    /// 2201E
    InvalidLogarithmArgument,
    /// 2201F
    InvalidPowerArgument,
    /// 2201G
    InvalidWidthBucketArgument,
    /// 22004
    NullNotAllowed,
    /// 22013
    InvalidFrameOffset,
    /// 22014
    InvalidNtileArgument,
    /// 22016
    InvalidNthValueArgument,
    /// 22011
    Substring,
    /// 22025
    InvalidEscape,
    /// 2200C
    InvalidUseOfEscape,
    /// 2201B
    InvalidRegularExpression,
    /// 2201W
    InvalidRowCountInLimit,
    /// 2201X
    InvalidRowCountInOffset,
    /// 22P04
    BadCopyFormat,
    /// 22031
    InvalidJsonDatetimeArgument,
    /// 22033
    InvalidJsonSubscript,
    /// 22036
    NonNumericJsonItem,
    /// 22038
    SingletonJsonItemRequired,
    /// 22039
    JsonArrayNotFound,
    /// 2203A
    JsonMemberNotFound,
    /// 2203B
    JsonNumberNotFound,
    /// 2203C
    JsonObjectNotFound,
    /// 22000
    DataException,
    /// 21000
    Cardinality,
    /// 23502
    NotNullViolation,
    /// 23505
    UniqueViolation,
    /// 23503
    ForeignKeyViolation,
    /// 42830
    InvalidForeignKey,
    /// 23514
    CheckViolation,
    /// 44000
    CheckOptionViolation,
    /// 28000
    InvalidAuthorization,
    /// 25001
    ActiveTransaction,
    /// 25P01
    NoActiveTransaction,
    /// 25P02
    FailedTransaction,
    /// 25006
    ReadOnlyTransaction,
    /// 26000
    UndefinedStatement,
    /// 34000
    UndefinedCursor,
    /// 42P05
    DuplicateStatement,
    /// 42P03
    DuplicateCursor,
    /// 40001: another commit won the race for a row; running again on a fresh snapshot may succeed.
    LostRace,
    /// 40P01
    Deadlock,
    /// 55P03
    LockNotAvailable,
    /// 72000: rows of that time were collected.
    SnapshotTooOld,
    /// 08P01
    ProtocolViolation,
    /// 08007: the outcome of a commit is unknown.
    CommitUnknown,
    /// 53100: retry once space was freed.
    DiskFull,
    /// 53200
    OutOfMemory,
    /// 53300
    TooManyConnections,
    /// 53400
    ConfigurationLimit,
    /// 54000
    LimitExceeded,
    /// 54001
    TooComplex,
    /// 2202H
    InvalidSample,
    /// 42P19
    InvalidRecursion,
    /// 54011
    TooManyColumns,
    /// 55000
    WrongObjectState,
    /// 55006
    ObjectInUse,
    /// 55P04
    UnsafeNewEnumValue,
    /// 55P02
    CannotChangeParameter,
    /// 57014
    Cancelled,
    /// 57P01
    Shutdown,
    /// 58030
    Io,
    /// 58P01
    FileMissing,
    /// XX001: bytes on disk are not what was written.
    Corruption,
    /// XX000: a bug.
    Internal,
}

/// An error with what a person needs to act on it. Messages begin in lower case and have no full stop.
#[derive(Debug)]
pub struct Error(Box<Parts>);

/// What of the database an error is about, for programs that must not read messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    pub schema: SchemaId,
    pub table: String,
    pub column: Option<String>,
    pub constraint: Option<String>,
}

#[derive(Debug)]
struct Parts {
    kind: ErrorKind,
    message: String,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<usize>,
    context: Option<String>,
    subject: Option<Subject>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            kind,
            message: message.into(),
            detail: None,
            hint: None,
            position: None,
            context: None,
            subject: None,
            source: None,
        }))
    }

    /// A feature that is refused; say in the hint what to use instead.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A broken invariant of ours.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Internal, message)
    }

    pub fn corruption(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Corruption, message)
    }

    /// `place` is sound and written by a release that knew more; `what` says which part is not known here.
    pub fn newer_format(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self::unsupported(format!("{place} was written by a newer version of Nyala ({what})"))
            .with_hint("start the version of Nyala that wrote it, or a newer one")
    }

    /// Wraps a failure of the operating system; `doing` is a verb phrase such as "read log file 3".
    pub fn io(doing: impl fmt::Display, source: std::io::Error) -> Self {
        let kind = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => ErrorKind::DiskFull,
            std::io::ErrorKind::NotFound => ErrorKind::FileMissing,
            _ => ErrorKind::Io,
        };
        let mut error = Self::new(kind, format!("could not {doing}: {source}"));
        if kind == ErrorKind::DiskFull {
            error = error.with_hint("Check free disk space.");
        }
        error.0.source = Some(Box::new(source));
        error
    }

    /// The same error in other words.
    #[must_use]
    pub fn with_message(mut self, message: impl Into<String>) -> Self {
        self.0.message = message.into();
        self
    }

    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.0.detail = Some(detail.into());
        self
    }

    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// `position` counts characters of the statement's text from 1.
    #[must_use]
    pub fn at(mut self, position: usize) -> Self {
        self.0.position.get_or_insert(position);
        self
    }

    /// The same error without a place in the statement, where PostgreSQL names none.
    #[must_use]
    pub fn without_position(mut self) -> Self {
        self.0.position = None;
        self
    }

    /// Where it happened, for example `COPY t, line 3`.
    #[must_use]
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.0.context = Some(context.into());
        self
    }

    /// The table that refused a row.
    #[must_use]
    pub fn about(mut self, subject: Subject) -> Self {
        self.0.subject = Some(subject);
        self
    }

    /// The same error with the place in front of its message, where only the caller knows it.
    #[must_use]
    pub fn within(mut self, place: impl fmt::Display) -> Self {
        self.0.message = format!("{place}: {}", self.0.message);
        self
    }

    #[must_use]
    pub fn with_source(mut self, source: impl std::error::Error + Send + Sync + 'static) -> Self {
        self.0.source = Some(Box::new(source));
        self
    }

    #[must_use]
    pub fn with_kind(mut self, kind: ErrorKind) -> Self {
        self.0.kind = kind;
        self
    }

    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    pub fn message(&self) -> &str {
        &self.0.message
    }
    pub fn detail(&self) -> Option<&str> {
        self.0.detail.as_deref()
    }
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
    pub fn position(&self) -> Option<usize> {
        self.0.position
    }
    pub fn context(&self) -> Option<&str> {
        self.0.context.as_deref()
    }
    pub fn subject(&self) -> Option<&Subject> {
        self.0.subject.as_ref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        if let Some(detail) = &self.0.detail {
            write!(f, " ({detail})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|e| e as &(dyn std::error::Error + 'static))
    }
}
