// How the suite judges today what its npm release judged years ago. The release is what
// can be installed by name; the suite has since withdrawn some tests, rated others anew,
// and turned some round. Only ids stand here: the tests are the suite's own.

const ids = (text) => new Set(text.trim().split(/\s+/))

// The same requests, expected to end the other way today: a bad Age is ignored, and a
// response with an Expires that cannot be read is stale.
export const turned = ids(`
  age-parse-dup-0 age-parse-dup-0-twoline age-parse-float age-parse-negative
  age-parse-nonnumeric age-parse-prefix-twoline
  freshness-expires-invalid-1-digit-hour freshness-expires-invalid-2-digit-year
  freshness-expires-invalid-aest freshness-expires-invalid-date-dashes
  freshness-expires-invalid-multiple-lines freshness-expires-invalid-multiple-spaces
  freshness-expires-invalid-no-comma freshness-expires-invalid-time-periods
  freshness-expires-invalid-utc
`)

// The same test under another rating.
const rated = {
  required: new Set(['partial-use-stored-headers', ...turned]),
  optimal: ids(`
    freshness-expires-ansi-c freshness-expires-rfc850 freshness-expires-wrong-case-month
    freshness-expires-wrong-case-tz freshness-expires-wrong-case-weekday
  `),
  check: ids(`
    304-etag-update-response-Clear-Site-Data 304-etag-update-response-Content-Location
    304-etag-update-response-Content-Security-Policy 304-etag-update-response-Content-Type
    304-etag-update-response-Expires 304-etag-update-response-Set-Cookie
    304-etag-update-response-Set-Cookie2 304-etag-update-response-X-Frame-Options
    304-etag-update-response-X-XSS-Protection
    age-parse-numeric-parameter age-parse-parameter
    invalidate-DELETE-cl invalidate-DELETE-location invalidate-M-SEARCH-cl
    invalidate-M-SEARCH-location invalidate-POST-cl invalidate-POST-location
    invalidate-PUT-cl invalidate-PUT-location
  `),
}

// Withdrawn, or written anew, so that the old run says nothing of today's test.
const withdrawn = ids(`
  freshness-max-age-ignore-quoted-all freshness-max-age-ignore-quoted-all-rev
  freshness-max-age-multiple-directive freshness-max-age-multiple-line
  304-etag-update-response-Content-Encoding 304-etag-update-response-Content-Length
  304-etag-update-response-Content-MD5 304-etag-update-response-Content-Range
  304-etag-update-response-ETag 304-etag-update-response-Public-Key-Pins
  age-parse-dup-old conditional-etag-vary-headers-mismatch
  freshness-expires-32bit freshness-expires-far-future
  stale-close-must-revalidate stale-close-no-cache stale-close-proxy-revalidate
  stale-close-s-maxage=2 stale-sie-503 status-599-must-understand
`)

export const isCounted = (test) => test.suite !== 'surrogate-control' && !withdrawn.has(test.id)

export function rating (test) {
  const today = Object.keys(rated).find((name) => rated[name].has(test.id))
  return today ?? test.kind
}
