//! Kinds of errors to SQLSTATE codes: the only place that knows them.

use base::ErrorKind;

/// The five characters that PostgreSQL's documentation, "Error Codes", assigns to the condition.
pub fn sqlstate(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Syntax => "42601",
        ErrorKind::Unsupported => "0A000",
        ErrorKind::UndefinedTable => "42P01",
        ErrorKind::UndefinedColumn => "42703",
        ErrorKind::UndefinedFunction => "42883",
        ErrorKind::UndefinedObject => "42704",
        ErrorKind::UndefinedSchema => "3F000",
        ErrorKind::UndefinedDatabase => "3D000",
        ErrorKind::UndefinedParameter => "42P02",
        ErrorKind::DuplicateTable => "42P07",
        ErrorKind::DuplicateSchema => "42P06",
        ErrorKind::DuplicateColumn => "42701",
        ErrorKind::DuplicateAlias => "42712",
        ErrorKind::DuplicateObject => "42710",
        ErrorKind::DuplicateFunction => "42723",
        ErrorKind::AmbiguousColumn => "42702",
        ErrorKind::CollationMismatch => "42P21",
        ErrorKind::AmbiguousAlias => "42P09",
        ErrorKind::AmbiguousFunction => "42725",
        ErrorKind::DatatypeMismatch => "42804",
        ErrorKind::CannotCoerce => "42846",
        ErrorKind::IndeterminateDatatype => "42P18",
        ErrorKind::Grouping => "42803",
        ErrorKind::Windowing => "42P20",
        ErrorKind::InvalidColumnReference => "42P10",
        ErrorKind::InvalidTableDefinition => "42P16",
        ErrorKind::InvalidObjectDefinition => "42P17",
        ErrorKind::InvalidColumnDefinition => "42611",
        ErrorKind::InvalidSchemaDefinition => "42P15",
        ErrorKind::InvalidFunctionDefinition => "42P13",
        ErrorKind::GeneratedAlways => "428C9",
        ErrorKind::ReservedName => "42939",
        ErrorKind::WrongObjectType => "42809",
        ErrorKind::DependentObjects => "2BP01",
        ErrorKind::InsufficientPrivilege => "42501",
        ErrorKind::InvalidName => "42602",
        ErrorKind::TooManyArguments => "54023",
        ErrorKind::Cardinality => "21000",
        ErrorKind::NotNullViolation => "23502",
        ErrorKind::UniqueViolation => "23505",
        ErrorKind::ForeignKeyViolation => "23503",
        ErrorKind::InvalidForeignKey => "42830",
        ErrorKind::CheckViolation => "23514",
        ErrorKind::CheckOptionViolation => "44000",
        ErrorKind::InvalidAuthorization => "28000",
        ErrorKind::ActiveTransaction => "25001",
        ErrorKind::NoActiveTransaction => "25P01",
        ErrorKind::FailedTransaction => "25P02",
        ErrorKind::ReadOnlyTransaction => "25006",
        ErrorKind::UndefinedStatement => "26000",
        ErrorKind::UndefinedCursor => "34000",
        ErrorKind::DuplicateStatement => "42P05",
        ErrorKind::DuplicateCursor => "42P03",
        ErrorKind::LostRace => "40001",
        ErrorKind::Deadlock => "40P01",
        ErrorKind::LockNotAvailable => "55P03",
        ErrorKind::SnapshotTooOld => "72000",
        ErrorKind::ProtocolViolation => "08P01",
        ErrorKind::CommitUnknown => "08007",
        ErrorKind::DiskFull => "53100",
        ErrorKind::OutOfMemory => "53200",
        ErrorKind::TooManyConnections => "53300",
        ErrorKind::ConfigurationLimit => "53400",
        ErrorKind::LimitExceeded => "54000",
        ErrorKind::TooComplex => "54001",
        ErrorKind::TooManyColumns => "54011",
        ErrorKind::InvalidRecursion => "42P19",
        ErrorKind::WrongObjectState => "55000",
        ErrorKind::ObjectInUse => "55006",
        ErrorKind::CannotChangeParameter => "55P02",
        ErrorKind::UnsafeNewEnumValue => "55P04",
        ErrorKind::Cancelled => "57014",
        ErrorKind::Shutdown => "57P01",
        ErrorKind::Io => "58030",
        ErrorKind::FileMissing => "58P01",
        ErrorKind::Corruption => "XX001",
        ErrorKind::Internal => "XX000",
        #[rustfmt::skip]
        ErrorKind::NumericOutOfRange | ErrorKind::DivisionByZero | ErrorKind::InvalidText
        | ErrorKind::InvalidBinary | ErrorKind::InvalidDatetime | ErrorKind::DatetimeOverflow
        | ErrorKind::TimeZoneDisplacement | ErrorKind::IntervalFieldOverflow | ErrorKind::StringTooLong
        | ErrorKind::StringLengthMismatch | ErrorKind::ArraySubscript | ErrorKind::UntranslatableCharacter
        | ErrorKind::InvalidJsonDatetimeArgument | ErrorKind::InvalidJsonSubscript
        | ErrorKind::NonNumericJsonItem | ErrorKind::JsonNumberNotFound | ErrorKind::SingletonJsonItemRequired
        | ErrorKind::JsonArrayNotFound | ErrorKind::JsonMemberNotFound | ErrorKind::JsonObjectNotFound
        | ErrorKind::CharacterNotInRepertoire | ErrorKind::InvalidParameterValue | ErrorKind::SequenceLimit
        | ErrorKind::InvalidLogarithmArgument | ErrorKind::InvalidPowerArgument
        | ErrorKind::InvalidWidthBucketArgument | ErrorKind::NullNotAllowed | ErrorKind::InvalidFrameOffset
        | ErrorKind::InvalidNtileArgument | ErrorKind::InvalidNthValueArgument | ErrorKind::Substring
        | ErrorKind::InvalidEscape | ErrorKind::InvalidUseOfEscape | ErrorKind::InvalidRegularExpression
        | ErrorKind::InvalidRowCountInLimit | ErrorKind::InvalidRowCountInOffset | ErrorKind::BadCopyFormat
        | ErrorKind::DataException | ErrorKind::InvalidSample => data_exception(kind),
    }
}

/// Class 22.
fn data_exception(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NumericOutOfRange => "22003",
        ErrorKind::DivisionByZero => "22012",
        ErrorKind::InvalidText => "22P02",
        ErrorKind::InvalidBinary => "22P03",
        ErrorKind::InvalidDatetime => "22007",
        ErrorKind::DatetimeOverflow => "22008",
        ErrorKind::TimeZoneDisplacement => "22009",
        ErrorKind::IntervalFieldOverflow => "22015",
        ErrorKind::StringTooLong => "22001",
        ErrorKind::StringLengthMismatch => "22026",
        ErrorKind::ArraySubscript => "2202E",
        ErrorKind::UntranslatableCharacter => "22P05",
        ErrorKind::InvalidJsonDatetimeArgument => "22031",
        ErrorKind::InvalidJsonSubscript => "22033",
        ErrorKind::NonNumericJsonItem => "22036",
        ErrorKind::SingletonJsonItemRequired => "22038",
        ErrorKind::JsonArrayNotFound => "22039",
        ErrorKind::JsonMemberNotFound => "2203A",
        ErrorKind::JsonNumberNotFound => "2203B",
        ErrorKind::JsonObjectNotFound => "2203C",
        ErrorKind::CharacterNotInRepertoire => "22021",
        ErrorKind::InvalidParameterValue => "22023",
        ErrorKind::SequenceLimit => "2200H",
        ErrorKind::InvalidLogarithmArgument => "2201E",
        ErrorKind::InvalidPowerArgument => "2201F",
        ErrorKind::InvalidWidthBucketArgument => "2201G",
        ErrorKind::NullNotAllowed => "22004",
        ErrorKind::InvalidFrameOffset => "22013",
        ErrorKind::InvalidNtileArgument => "22014",
        ErrorKind::InvalidNthValueArgument => "22016",
        ErrorKind::Substring => "22011",
        ErrorKind::InvalidEscape => "22025",
        ErrorKind::InvalidUseOfEscape => "2200C",
        ErrorKind::InvalidRegularExpression => "2201B",
        ErrorKind::InvalidRowCountInLimit => "2201W",
        ErrorKind::InvalidRowCountInOffset => "2201X",
        ErrorKind::BadCopyFormat => "22P04",
        ErrorKind::InvalidSample => "2202H",
        _ => "22000",
    }
}
