# Shell
skip-to-content = Skip to the content
nav-main = Main navigation
nav-second = Within this section
nav-open = Open the navigation
nav-admin = Administration
nav-accounts = Accounts
nav-tenants = Tenants
nav-clients = Clients
nav-journal = Journal
search = Search
search-hint = Search… (/)
theme = Theme
theme-light = Light
theme-dark = Dark
theme-auto = As the system
language = Language
language-en = English
language-fr = Français
account-menu = Account menu
account-mine = My account
sign-in = Sign in
sign-out = Sign out
signed-out = You are signed out.
close = Close
cancel = Cancel
confirm = Do it
confirm-not = Leave it
confirm-title = Are you sure?
confirm-type-name = Type { "{name}" } to confirm.
copy = Copy
save = Save
delete = Delete
filter = Filter
actions = Actions
pages = Pages of the list
page-next = Next
page-older = Older
number = { $count }
live-connecting = Connecting…
live-on = Live
live-lost = Link lost since { "{time}" }
js-copied = Copied.
js-failed = That did not work; try again.
shortcuts = Keyboard shortcuts
keys-search = Search
keys-new = New
keys-rows = Next or previous row
keys-open = Open the row
keys-go = Go to the lab (p: programs, r: classrooms, n: nodes, s: status, a: accounts, c: clients, j: journal)
keys-help = Show this list

# Times
time-now = just now
time-seconds-ago = { $count ->
    [one] { $count } second ago
   *[other] { $count } seconds ago
 }
time-minutes-ago = { $count ->
    [one] { $count } minute ago
   *[other] { $count } minutes ago
 }
time-hours-ago = { $count ->
    [one] { $count } hour ago
   *[other] { $count } hours ago
 }
time-days-ago = { $count ->
    [one] { $count } day ago
   *[other] { $count } days ago
 }
time-months-ago = { $count ->
    [one] { $count } month ago
   *[other] { $count } months ago
 }
time-years-ago = { $count ->
    [one] { $count } year ago
   *[other] { $count } years ago
 }
time-in-days = { $count ->
    [one] in { $count } day
   *[other] in { $count } days
 }

# Sizes
size-bytes = { $count ->
    [one] { $count } byte
   *[other] { $count } bytes
 }
size-kib = { $count } KiB
size-mib = { $count } MiB
size-gib = { $count } GiB
size-tib = { $count } TiB
size-pib = { $count } PiB
size-eib = { $count } EiB

# Words
login = Login
password = Password
name = Name
role = Role
role-any = Any role
role-learner = Learner
role-teacher = Teacher
role-operator = Operator
role-admin = Admin
tenant = Tenant
tenant-any = Any tenant
status = Status
created = Created
last-used = Last used
last-seen = Last seen
address = Address
agent = Program
time = Time
deed = Action
deed-hint = Action, or “account.”
target = Target
detail = Detail

# My account
profile = Profile
account-saved = Saved.
password-change = Change the password
password-change-first = Your password was set by somebody else. Choose one of your own to go on.
password-current = Present password
password-new = New password
password-repeat = New password, again
password-help = At least 10 characters, and not the login. All your other sessions end.
password-changed = The password is changed; your other sessions have ended.
tokens = API tokens
tokens-help = For programs and the command line. A token has your rights; it is shown once.
token-name = What for
token-days = Days until it ends
token-never = Never
token-expires = Ends
token-create = Make a token
token-made = Copy the token now: it is not shown again.
token-deleted = The token is deleted and refused from now on.
token-delete-confirm = The token “{ $name }” will be refused at once; programs that use it stop working.
sessions = Where you are signed in
session-end = End
session-ended = Ended.
session-end-confirm = The client at { $address } has to sign in again; a program’s token is deleted.

# Clients
clients-help = Browsers that are signed in and programs that used a token, over the last seven days.
clients-here = { $count ->
    [0] Nobody is connected.
    [one] One client is connected.
   *[other] { $count } clients are connected.
 }
client-kind = Kind
client-browser = Browser
client-program = Program
client-this = This one
client-connected = Connected
client-away = Away

# Accounts
accounts-filter = Login or name…
accounts-none = No account is like that. Clear the filter, or make one with “New account”.
account-new = New account
account-new-help = A password for one use is made and shown once; it has to be changed at the first sign-in.
account-create = Make the account
account-active = Active
account-disabled = Disabled
account-disable = Disabled: can’t sign in, and its tokens are refused
account-more = More
account-delete = Delete the account
account-delete-help = Deletes the account and all that is its own: jobs that aren’t pinned, rooms, keys, links, and its files with their snapshots. This can’t be undone. The journal keeps what it did.
account-delete-confirm = The account { $login } and all that is its own will be deleted. This can’t be undone.
account-deleted = The account and all that was its own are deleted.
login-help = Letters a to z, digits, and . _ @ - after the first.
one-time-made = The password of { $login } for one use. Pass it on now: it is not shown again.
reset = Reset the password
reset-help = Makes a password for one use; the account’s sessions end.
reset-confirm = { $login } can’t sign in with the present password any more.

# Tenants
tenants-help = A tenant is a faculty or a course team: what one does, another does not see.
tenant-name = Short name
tenant-title = Title
tenant-title-of = Title of { $name }
tenant-create = Make the tenant
tenant-saved = Saved.
tenant-deleted = The tenant is deleted.
tenant-delete-confirm = The tenant { $name } will be deleted.

# Journal
journal-none = Nothing like that was done yet. What people change appears here.

# Problems as pages
problem-title-400 = That is not right
problem-title-401 = Sign in first
problem-title-403 = Not allowed
problem-title-404 = Not found
problem-title-405 = Not allowed here
problem-title-409 = That does not fit
problem-title-413 = Too large
problem-title-415 = Another format is needed
problem-title-429 = Too often
problem-title-500 = Something went wrong
problem-title-503 = Not just now
problem-title-507 = No room left
problem-home = To the start page
problem-quote = When you ask for help, quote { $id }.

# Problems (the code's English sentence is the same)
problem-not-signed-in = Sign in first, or send an API token.
problem-token-invalid = The API token is unknown, expired or revoked.
problem-token-scope = This token opens something else, and not this.
problem-sign-in-wrong = Login or password is wrong.
problem-too-many-sign-ins = { $minutes ->
    [one] Too many wrong passwords; try again in { $minutes } minute.
   *[other] Too many wrong passwords; try again in { $minutes } minutes.
 }
problem-role-needed = This needs the role { $role }.
problem-route-closed = This address is not open to anybody.
problem-password-change-needed = Choose a password of your own first.
problem-cross-site = The request came from another site.
problem-csrf = The page was too old or came from elsewhere; load it again and repeat.
problem-not-found = There is nothing here by that name.
problem-method-not-allowed = This address does not take that method.
problem-exists-already = Something by that name exists already.
problem-changed-meanwhile = It was changed by somebody else meanwhile; look again.
problem-database-unavailable = The database can’t be reached just now; nothing was changed, try again in a moment.
problem-bug = Something went wrong on our side; it has been noted.
problem-too-slow = This took too long and was given up; try again.
problem-body-too-large = The body is too large; at most { $limit } bytes are taken here.
problem-body-broken = The body ended before it was whole.
problem-unsupported-type = Send the body with the header Content-Type: { $wanted }.
problem-json-broken = The body is not valid JSON: { $detail }.
problem-unknown-field = There is no field { $name } here.
problem-missing-field = The field { $name } is missing.
problem-invalid-field = A field is not right: { $detail }.
problem-invalid-query = The query is not right: { $detail }.
problem-form-invalid = The form can’t be read: { $detail }.
problem-limit-invalid = A page has 1 to 200 items.
problem-idempotency-key-invalid = An Idempotency-Key has 1 to 200 printable ASCII characters.
problem-idempotency-key-reused = This Idempotency-Key was used for another request; take a new one.
problem-request-in-progress = The first request with this key is still at work.
problem-secret-shown-once = This was done already; its secret was shown once and is not kept. Delete it and make a new one.
problem-topic-refused = There is no topic { $topic } for you.
problem-topics-wrong = Ask for 1 to 32 topics: /events?topic=NAME.
problem-login-invalid = A login has 1 to 64 characters: letters a to z, digits, and . _ @ - after the first.
problem-login-taken = Somebody has this login already.
problem-text-invalid = A name has 1 to 100 characters and stands on one line.
problem-password-too-short = A password has at least 10 characters.
problem-password-too-long = A password has at most 256 characters.
problem-password-is-login = The password must not be the login.
problem-password-wrong = That is not the present password.
problem-password-same = The new password is the present one.
problem-password-differs = The two new passwords differ.
problem-role-unknown = There is no such role.
problem-account-not-found = There is no such account.
problem-last-admin = This is the last admin who can sign in; make another one first.
problem-tenant-not-found = There is no such tenant.
problem-tenant-name-invalid = A tenant’s name has 1 to 64 characters: letters a to z, digits, and - after the first.
problem-tenant-name-taken = Another tenant has this name.
problem-tenant-not-empty = Accounts belong to this tenant; move or delete them first.
problem-token-not-found = There is no such token.
problem-token-days-invalid = A token lives 1 to 3650 days.
problem-too-many-tokens = You have 100 tokens; delete one first.
problem-client-not-found = There is no such client.
