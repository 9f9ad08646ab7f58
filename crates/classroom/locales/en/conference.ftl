# What the pages of servers, meetings, tenants and secrets say.

nav-conference = Conference servers
nav-conference-servers = Servers
nav-conference-connect = Connect an LMS

conference-title = Conference servers
conference-empty-title = No conference server yet
conference-empty-text = Meetings are held on BigBlueButton servers. Add one below or with this command; LMS and classrooms then see all of them as one.
conference-host = Server
conference-state = State
conference-health = Health
conference-meetings = Meetings
conference-users = Users
conference-largest = Largest
conference-videos = Videos
conference-load = Load
conference-version = Version
conference-actions = Actions
conference-enabled = enabled
conference-cordoned = cordoned
conference-disabled = disabled
conference-up = answers
conference-suspect = suspect
conference-down = does not answer
conference-enable = Enable
conference-cordon = Cordon: no new meetings, disabled once empty
conference-disable = Disable
conference-panic = Panic: end every meeting
conference-panic-sure = Every meeting on { $host } ends for everybody in it, and the server is disabled.
conference-remove = Remove
conference-remove-sure = Remove { $host } from the conference servers? The server itself is not touched.
conference-running = Running meetings
conference-running-none = No meeting is held now.
conference-meeting = Meeting
conference-tenant = Tenant
conference-began = Began
conference-end = End
conference-end-sure = End “{ $name }” for everybody in it?
conference-more = These are the newest. The command line lists all:
conference-add = Add a server
conference-add-help = On the server, “bbb-conf --secret” prints its address and its secret.
conference-add-button = Add server
conference-url = Address
conference-secret = Shared secret
conference-weight = Weight
conference-weight-help = Its share of the meetings; 100 is usual.
conference-tag = Tag
conference-tag-help = Only meetings that ask for this tag. Empty: those that ask for none, or for one that no server has.

connect-title = Connect an LMS
connect-show = Show
connect-help = An LMS of { $tenant } needs this address and this secret, and sees all conference servers as one.
connect-url = Address
connect-secret = Shared secret
connect-secret-none = There is none; make one below.
connect-moodle = Moodle
connect-moodle-1 = Open Site administration → Plugins → Activity modules → BigBlueButton.
connect-moodle-2 = Paste the address into “BigBlueButton server URL”.
connect-moodle-3 = Paste the secret into “BigBlueButton shared secret”, and save.
connect-others = Canvas, Sakai, ILIAS, Nextcloud, WordPress and others
connect-others-text = Wherever a plugin for BigBlueButton asks for a server’s URL and its secret (also called salt), give these two.
connect-secrets = Secrets
connect-secrets-help = Make a new one, put it into the LMS, then revoke the old one: both hold meanwhile.
connect-note = What for
connect-new = Make a new secret
connect-made = Made
connect-newest = shown above
connect-revoke = Revoke
connect-revoke-sure = An LMS that still signs with this secret is refused from now on. Revoke it?

conference-tenant-title = Meetings of { $tenant }
conference-hosts = Hosts
conference-hosts-help = One a line. A call to one of these names has to be signed with a secret of this tenant.
conference-defaults = Defaults
conference-defaults-help = Parameters of “create” where the LMS gives none, one name=value a line, for example welcome=Good morning.
conference-overrides = Overrides
conference-overrides-help = Parameters of “create” whatever the LMS gives, one name=value a line, for example record=false.
conference-meetings-max = Meetings at the same time
conference-attendees-max = People at the same time
conference-minutes-max = Minutes of a meeting
conference-no-limit = no limit
conference-save = Save
conference-lines-wrong = Give one name=value a line.
conference-limit-wrong = Give a whole number, or nothing for no limit.

flash-conference-added = The server was added.
flash-conference-enabled = The server takes meetings.
flash-conference-cordoned = The server takes no new meetings, and is disabled once those on it have ended.
flash-conference-disabled = The server is disabled.
flash-conference-panicked = Every meeting on the server was ended, and it is disabled.
flash-conference-removed = The server was removed.
flash-conference-tenant = The settings are kept; they hold for the next meetings.
flash-meeting-ended = The meeting was ended.
flash-secret-made = A new secret was made. The older ones hold until you revoke them.
flash-secret-revoked = The secret was revoked.

problem-conference-server-url = That is no address of a BigBlueButton server; give one like https://bbb1.example.org/bigbluebutton/api.
problem-conference-server-secret = The secret is empty, or longer than 255 characters; “bbb-conf --secret” on the server prints it.
problem-conference-server-tag = A tag has 1 to 63 letters, digits, - and _, and is not “none”.
problem-conference-server-weight = A weight is a whole number from 1 to 10,000; 100 is the usual one.
problem-conference-server-id = An id has 1 to 64 letters, digits, -, _ and a point.
problem-conference-server-unknown = There is no conference server “{ $server }”.
problem-conference-server-taken = A conference server with this id or address is there already.
problem-conference-server-busy = { $meetings ->
    [one] One meeting is on this server. Cordon it: it takes no new ones and is disabled once it has ended; or panic it, which ends it.
   *[other] { $meetings } meetings are on this server. Cordon it: it takes no new ones and is disabled once they have ended; or panic it, which ends them.
}
problem-conference-server-changed = The server was changed meanwhile; look again.
problem-conference-server-lacking = No conference server can take a meeting now.
problem-conference-tag-lacking = No conference server with the tag “{ $tag }” can take a meeting now.
problem-conference-server-away = The conference server does not answer now.
problem-meeting-not-created = No conference server took the meeting.
problem-conference-refused = The conference server refused: { $detail }
problem-meeting-unknown = There is no such meeting, or it has ended.
problem-meeting-id = A meeting ID has 2 to 256 characters, and neither a comma nor a control character.
problem-conference-meetings-most = { $most } meetings are running, as many as may at the same time.
problem-conference-people-most = { $most } people are in meetings, as many as may at the same time.
problem-conference-secret-unknown = There is no such shared secret.
problem-conference-settings-hosts = A host is a name like law.example.org, of this tenant alone; 50 at most.
problem-conference-settings-defaults = One of these is no parameter that can be set for all meetings, or its value is too long; 50 at most.
problem-conference-settings-overrides = One of these is no parameter that can be set for all meetings, or its value is too long; 50 at most.
problem-conference-settings-secret = A secret has 16 to 255 letters, digits or signs, without spaces, and is in use nowhere else.
