# What the pages of rooms say.

nav-classrooms = Classrooms
nav-rooms = Rooms

# The list
rooms-own = Your classrooms
rooms-others = Classrooms you can join
rooms-empty-title = No classroom yet
rooms-empty-teacher = A classroom is where you teach online: with sound, pictures, slides and a board. Make one, give its link to your class, and open it whenever you teach. It needs no other learning platform.
rooms-empty-learner = Your teacher gives you a link to a classroom, or opens one here for everybody with an account.
room-new = New classroom
room-name = Name
room-owner = Teacher
room-now = Now
room-entrance = Who may come
room-entrance-link = Anybody with the link
room-entrance-account = People with an account
room-open = Open
room-not-open = Not open
room-people = { $count ->
    [one] { $count } person
   *[other] { $count } people
 }
room-copy = Copy link
room-start = Start
room-join = Join
room-join-moderator = Join as moderator
room-no-server-teacher = No conference server takes meetings now. An operator adds one, or mends it, under Conference servers.
room-no-server-learner = Classrooms can’t be opened just now; try again soon.

# One room
room-users = People
room-voices = Microphones
room-videos = Cameras
room-waits = The classroom is not open yet. This page shows it as soon as it is.
room-full = { $people ->
    [one] The classroom is full: { $people } person is in it.
   *[other] The classroom is full: { $people } people are in it.
 }
room-end = End
room-end-confirm = { $count ->
    [0] End the meeting? Nobody is in it.
    [one] End the meeting? { $count } person is in it and will be sent out.
   *[other] End the meeting? { $count } people are in it and will be sent out.
 }
room-invitation = Invitation
room-invitation-link = Whoever has this link may come, under the name they give.
room-invitation-account = Who has this link and an account here may come.
room-renew = Renew
room-renew-confirm = Make a new link? The present one will lead nowhere.
room-settings = Settings
room-recordings = Recordings of this classroom
room-edit = Edit
room-delete = Delete the classroom
room-delete-confirm = Delete “{ $room }”? Its link will lead nowhere, and a meeting that is held ends. Recordings stay.
room-yes = Yes
room-no = No
room-unlimited = No limit
room-entering = To { $room }
room-entering-text = You are being taken to the classroom.
room-enter = Enter the classroom
room-left = You have left the classroom
room-left-text = You can close this window. To come back, use the link that you came by.
flash-room-made = The classroom was made. Give its link to those who shall come.
flash-room-saved = The classroom was saved. A meeting that is held keeps what it began with.
flash-room-ended = The meeting was ended.
flash-room-renewed = The classroom has a new link.
flash-room-deleted = The classroom was deleted.

# The form
room-new-title = New classroom
room-edit-title = Edit the classroom
room-create = Make the classroom
room-name-help = What everybody reads, for instance “Algebra 2”.
room-welcome = Welcome
room-welcome-help = Shown in the chat to everybody who comes; at most 1,000 characters.
room-entrance-help = With an account: who is signed in here and belongs to your faculty.
room-record = Recording
room-record-off = Never
room-record-allowed = When a moderator begins it
room-record-automatic = From the beginning
room-record-help = Tell people before you record them.
room-lobby = Guests wait until a moderator lets them in
room-lobby-help = Guests are people without an account.
room-lobby-fact = Guests wait to be let in
room-mute = Microphones are off when people come in
room-mute-help = Everybody can turn on their own.
room-mute-fact = Microphones off at first
room-anyone-starts = Learners may start without you
room-anyone-starts-help = Otherwise they wait until you have come.
room-anyone-starts-fact = Learners may start
room-people-max = People at most
room-people-max-help = 2 to 1,000; empty for no limit.
room-minutes = Minutes at most
room-minutes-help = After so many minutes a meeting ends, 1,440 at most; empty for no limit.

# The invitation
join-invited-by = { $name } invites you to this classroom.
join-host = Manage the classroom
join-needs-account = This classroom is for people with an account of { $tenant }.
join-other-account = You are signed in with an account of another tenant. Sign out, and in again with the right one.
join-as = You come in as { $name }.
join-name = Your name
join-name-help = As the others will read it. Have an account?
join-sign-in = Sign in
join-enter = Join
join-waits = The classroom is not open yet. Keep this page: a button appears when it is.
join-look-again = Look again

# Refusals
problem-room-name = A name has 1 to 100 characters and stands on one line.
problem-room-welcome = A welcome has at most 1,000 characters.
problem-room-people = A limit of people is a whole number from 2 to 1,000; leave it empty for none.
problem-room-minutes = Minutes are a whole number from 0 to 1,440; leave it empty for no limit.
problem-room-unknown = There is no such classroom.
problem-room-others = This classroom is somebody else’s; you may come to it, and not change it.
problem-rooms-many = You have 200 classrooms, as many as one may have; delete one first.
problem-room-invitation-unknown = There is no classroom behind this link. It may have been renewed; ask who gave it to you.
problem-room-closed = The classroom is not open yet.
problem-room-full = { $people ->
    [one] The classroom is full: { $people } person is in it.
   *[other] The classroom is full: { $people } people are in it.
 }
problem-room-needs-account = This classroom is for people with an account of { $tenant }.
