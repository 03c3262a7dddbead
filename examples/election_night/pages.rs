//! The site's pages: their addresses, their words, and how to recognise one when it arrives. The
//! crowd checks the opening of every page it gets, so a French page under an English address would
//! be seen.

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    English,
    French,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// `/`, in the language the browser prefers.
    FrontDoor,
    Home,
    Immigrate,
    Eligibility,
    Forms,
    /// How one's own application is doing: private to a cookie.
    Status,
}

/// The cookie that opens the status page.
pub(crate) const COOKIE: &str = "applicant";

/// A file that needs no render and weighs what a page weighs.
pub(crate) const STYLESHEET: &str = "/site.css";

/// Everybody's pages: one stored response for each of them in each language.
pub(crate) const VARIANTS: usize = Page::PUBLIC.len() * Language::BOTH.len();

/// What stands before the applicant's number in the status page.
const APPLICANT: &str = "data-applicant=\"";

/// Enough paragraphs to give a page the weight of a plain one on the real site.
const PARAGRAPHS: usize = 24;

impl Language {
    pub(crate) const BOTH: [Language; 2] = [Language::English, Language::French];

    pub(crate) fn tag(self) -> &'static str {
        match self {
            Language::English => "en",
            Language::French => "fr",
        }
    }

    /// What a browser in this language says.
    pub(crate) fn accept(self) -> &'static str {
        match self {
            Language::English => "en-CA,en;q=0.9",
            Language::French => "fr-CA,fr;q=0.9",
        }
    }

    /// The language of the front door for a visitor who accepts this. The first choice decides;
    /// whoever asks for neither gets English.
    pub(crate) fn negotiate(accept: &str) -> Self {
        if accept.trim_start().starts_with("fr") {
            Language::French
        } else {
            Language::English
        }
    }
}

impl Page {
    pub(crate) const PUBLIC: [Page; 5] = [
        Page::FrontDoor,
        Page::Home,
        Page::Immigrate,
        Page::Eligibility,
        Page::Forms,
    ];

    pub(crate) fn is_private(self) -> bool {
        self == Page::Status
    }

    pub(crate) fn path(self, language: Language) -> &'static str {
        use Language::{English, French};
        match (self, language) {
            (Page::FrontDoor, _) => "/",
            (Page::Home, English) => "/en/",
            (Page::Home, French) => "/fr/",
            (Page::Immigrate, English) => "/en/immigrate",
            (Page::Immigrate, French) => "/fr/immigrer",
            (Page::Eligibility, English) => "/en/eligibility",
            (Page::Eligibility, French) => "/fr/admissibilite",
            (Page::Forms, English) => "/en/forms",
            (Page::Forms, French) => "/fr/formulaires",
            (Page::Status, English) => "/en/status",
            (Page::Status, French) => "/fr/etat",
        }
    }

    fn title(self, language: Language) -> &'static str {
        use Language::{English, French};
        match (self, language) {
            (Page::FrontDoor, English) => "Welcome",
            (Page::FrontDoor, French) => "Bienvenue",
            (Page::Home, English) => "Immigration and citizenship",
            (Page::Home, French) => "Immigration et citoyennet\u{e9}",
            (Page::Immigrate, English) => "How to immigrate",
            (Page::Immigrate, French) => "Comment immigrer",
            (Page::Eligibility, English) => "Find out if you are eligible",
            (Page::Eligibility, French) => "\u{ca}tes-vous admissible?",
            (Page::Forms, English) => "Application forms",
            (Page::Forms, French) => "Formulaires de demande",
            (Page::Status, English) => "The status of your application",
            (Page::Status, French) => "L\u{2019}\u{e9}tat de votre demande",
        }
    }

    /// How the page begins, and no other page does.
    pub(crate) fn opening(self, language: Language) -> String {
        let (tag, title) = (language.tag(), self.title(language));
        format!("<!doctype html><html lang=\"{tag}\"><head><title>{title}</title>")
    }

    /// The whole page. `applicant` is whose status it tells.
    pub(crate) fn html(self, language: Language, applicant: Option<&str>) -> String {
        let mut html = self.opening(language);
        html += "<meta charset=\"utf-8\"><link rel=\"stylesheet\" href=\"/site.css\"></head><body>";
        html += &format!("<h1>{}</h1>", self.title(language));
        if let Some(applicant) = applicant {
            html += &format!("<p {APPLICANT}{applicant}\">{applicant}</p>");
        }
        for number in 1..=PARAGRAPHS {
            html += &format!("<h2>{number}.</h2><p>{}</p>", paragraph(language));
        }
        html += "</body></html>";
        html
    }
}

/// Whose status a page tells, if it tells anybody's.
pub(crate) fn applicant_in(page: &[u8]) -> Option<&[u8]> {
    let mark = APPLICANT.as_bytes();
    let at = page.windows(mark.len()).position(|it| it == mark)?;
    page[at + mark.len()..].split(|byte| *byte == b'"').next()
}

/// A stylesheet as heavy as a page.
pub(crate) fn stylesheet() -> String {
    "body{font:1rem/1.5 sans-serif;margin:2rem auto;max-width:40rem;color:#222}\n".repeat(100)
}

fn paragraph(language: Language) -> &'static str {
    match language {
        Language::English => {
            "You may be able to come to Canada as a skilled worker, as a student, to join your \
             family, or to seek protection. Each way has its own conditions; read them before you \
             apply, gather the documents they name, and keep a copy of everything you send. Most \
             applications can be made from home, and none of them is faster at midnight."
        }
        Language::French => {
            "Vous pouvez venir au Canada comme travailleur qualifi\u{e9}, pour \u{e9}tudier, pour \
             rejoindre votre famille ou pour demander l\u{2019}asile. Chaque voie a ses conditions\
             \u{a0}: lisez-les avant de faire une demande, r\u{e9}unissez les documents et gardez \
             une copie de tout. La plupart des demandes se font de chez soi, et aucune ne va plus \
             vite \u{e0} minuit."
        }
    }
}
