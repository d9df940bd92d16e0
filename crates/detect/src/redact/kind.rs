//! The kinds that a policy can name.

/// What a policy can ask for by name.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// Keys and tokens of services, and values that their names call secret.
    ApiKey,
    /// Private keys: PEM blocks, age, PuTTY.
    PrivateKey,
    /// JSON web tokens.
    Jwt,
    /// Passwords: assigned, in addresses of services, on command lines.
    Password,
    /// Electronic mail addresses.
    Email,
    /// Telephone numbers.
    Phone,
    /// United States social security numbers.
    UsSsn,
    /// Numbers that other states give to persons, with check digits or named as such.
    NationalId,
    /// Passport and driving licence numbers, where the text names them.
    Passport,
    /// Payment card numbers that pass their check digit.
    CreditCard,
    /// International bank account numbers that pass their check digits.
    Iban,
    /// Public internet addresses of either version.
    IpAddress,
    /// Hardware addresses of network devices.
    MacAddress,
    /// Dates of birth, where the text names them.
    DateOfBirth,
    /// Street addresses.
    Address,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 15] = [
        Self::ApiKey,
        Self::PrivateKey,
        Self::Jwt,
        Self::Password,
        Self::Email,
        Self::Phone,
        Self::UsSsn,
        Self::NationalId,
        Self::Passport,
        Self::CreditCard,
        Self::Iban,
        Self::IpAddress,
        Self::MacAddress,
        Self::DateOfBirth,
        Self::Address,
    ];

    /// The kind as it is written in policies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::PrivateKey => "private_key",
            Self::Jwt => "jwt",
            Self::Password => "password",
            Self::Email => "email",
            Self::Phone => "phone",
            Self::UsSsn => "us_ssn",
            Self::NationalId => "national_id",
            Self::Passport => "passport",
            Self::CreditCard => "credit_card",
            Self::Iban => "iban",
            Self::IpAddress => "ip_address",
            Self::MacAddress => "mac_address",
            Self::DateOfBirth => "date_of_birth",
            Self::Address => "address",
        }
    }

    /// What takes its place.
    #[must_use]
    pub const fn placeholder(self) -> &'static str {
        match self {
            Self::ApiKey => "[REDACTED_API_KEY]",
            Self::PrivateKey => "[REDACTED_PRIVATE_KEY]",
            Self::Jwt => "[REDACTED_JWT]",
            Self::Password => "[REDACTED_PASSWORD]",
            Self::Email => "[REDACTED_EMAIL]",
            Self::Phone => "[REDACTED_PHONE]",
            Self::UsSsn => "[REDACTED_US_SSN]",
            Self::NationalId => "[REDACTED_NATIONAL_ID]",
            Self::Passport => "[REDACTED_PASSPORT]",
            Self::CreditCard => "[REDACTED_CREDIT_CARD]",
            Self::Iban => "[REDACTED_IBAN]",
            Self::IpAddress => "[REDACTED_IP_ADDRESS]",
            Self::MacAddress => "[REDACTED_MAC_ADDRESS]",
            Self::DateOfBirth => "[REDACTED_DATE_OF_BIRTH]",
            Self::Address => "[REDACTED_ADDRESS]",
        }
    }

    /// The kind that a policy's word names.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }

    /// Whether it gives access to something; the others tell about a person.
    #[must_use]
    pub const fn is_secret(self) -> bool {
        matches!(self, Self::ApiKey | Self::PrivateKey | Self::Jwt | Self::Password)
    }
}

/// What is done where a kind is found.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Action {
    /// It is reported and stays.
    Report,
    /// It is reported and a placeholder takes its place.
    #[default]
    Mask,
    /// As `Mask`, and the whole text must not be passed on.
    Block,
}

/// The rule that found something, such as `github-pat`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RuleId(pub(crate) &'static str);

impl RuleId {
    /// The rule of a policy's own regular expression.
    pub const OWN: Self = Self("own-pattern");

    /// The rule as it is written in the rule pack.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl std::fmt::Display for RuleId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}
