# What the pages of recordings say.
recording-missing-title = This recording is not there
recording-missing-text = It was deleted, or is not published. Ask who gave you the link.
recording-closed-title = This recording is protected
recording-closed-text = It opens from the course it belongs to, with a link that works once. Go back there and open it again.
recording-no-player-title = No player is installed here
recording-no-player-text = The recording is there, but the page that plays it is not. Tell the operator: the guide says how a player is installed.

nav-recordings = Recordings
recordings-empty-title = No recording yet
recordings-empty-teacher = A meeting that was recorded appears here when its conference server has prepared it, which takes about as long as the meeting itself.
recordings-empty-operator = Conference servers bring recordings here: the guide says which script they need. One that you have as a file comes in with: amphi conference recording import FILE
recording-name = Name
recording-held = Held
recording-length = Length
recording-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
 }
recording-state = State
recording-published = Published
recording-unpublished = Not published
recording-protected = Protected
recording-watch = Watch
recording-publish = Publish
recording-unpublish = Unpublish
recording-protect = Protect
recording-unprotect = Open to all
recording-delete = Delete
recording-delete-confirm = Delete the recording “{ $name }”? Its files are lost.
recordings-newest = Newest
recordings-aside = Set aside
recordings-aside-help = These archives are no recordings that can be taken in. Their files are kept in the folder “quarantine”.
recordings-aside-file = File
recordings-aside-reason = Why
recordings-aside-at = When
flash-recording-published = The recording is published.
flash-recording-unpublished = The recording can’t be watched any more.
flash-recording-protected = The recording opens only with a link from its course.
flash-recording-unprotected = Whoever has the link can watch the recording.
flash-recording-deleted = The recording was deleted.

problem-recording-unknown = There is no such recording.
problem-recording = This can’t be set for a recording.
problem-recording-rejected = { $detail }
problem-recordings-away = The folder of recordings can’t be read or written just now; try again in a moment.
problem-upload-unknown = There is no such upload; it may have been finished, or given up after a week.
problem-upload-offset = The upload has { $offset } bytes; go on from there.
problem-upload-offset-missing = The header Upload-Offset has to say where the piece begins.
problem-upload-busy = Another piece of this upload is being written.
problem-upload-too-long = A recording has at most { $most } bytes.
