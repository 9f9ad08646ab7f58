# Files, volumes and stores.

nav-files = Files
nav-volumes = Volumes

# Name spaces
files-title = Files
files-none-title = No files yet
files-none-operator = A volume spreads files over the stores of your nodes, so that some of them may be lost. Make one first.
files-none-learner = You have no place for files yet. Ask your teacher or an operator for one.
space-name = Name
space-used = Used
space-inodes = Entries
space-volume = Volume
space-of = { $used } of { $limit }

# The browser
files-path = Path
files-upload = Upload
files-drag = Files and folders can also be dragged onto this page.
files-folder-name = Name of the folder
files-folder-new = New folder
files-empty-title = Nothing in this folder
files-empty-text = Drag files here, press Upload, or send them from a terminal:
files-empty-read = Whoever may write here has put nothing into it yet. From a terminal it would be:
files-name = Name
files-size = Size
files-changed = Changed
files-actions = Actions
files-new-name = New name
files-rename = Rename
files-delete = Delete
files-delete-confirm = Delete “{ $name }”? It can’t be brought back, but from a snapshot.
files-delete-folder-confirm = Delete the folder “{ $name }” with all that is in it? It can’t be brought back, but from a snapshot.
files-share = Share by link
files-shared = Whoever has this link can download the file for seven days, without signing in:
files-copy = Copy
files-pages = Pages
files-first = First page
files-more = More
upload-waiting = waiting
upload-storing = being stored
upload-done = done
upload-lost = The connection was lost.
upload-cancel = Cancel
upload-cancelled = cancelled
upload-close = Close
flash-files-folder = The folder was made.
flash-files-renamed = It was renamed.
flash-files-deleted = It was deleted.

# Sizes
size-bytes = { $count ->
    [one] { $count } byte
   *[other] { $count } bytes
 }
size-kb = { $count } kB
size-mb = { $count } MB
size-gb = { $count } GB
size-tb = { $count } TB

# Volumes and stores
volumes-title = Volumes and stores
volumes-empty-title = No volume yet
volumes-empty-text = A volume spreads what is put into it over stores on several nodes. Choose below how many may be lost.
volume-new = New volume
volume-name = Name
volume-layout = Layout
volume-layout-0 = 0: on 3 stores, 1 may be lost (1.5 × the bytes)
volume-layout-1 = 1: on 6 stores, 2 may be lost (1.5 × the bytes)
volume-layout-2 = 2: on 12 stores, 4 may be lost (1.5 × the bytes)
volume-layout-short = { $layout }: any { $data } of { $units }
volume-create = Create
volume-health = Health
volume-used = Used
volume-work = Work
volume-healthy = healthy
volume-degraded = degraded
volume-risk = at risk
volume-lost = data lost
volume-rebuilding = { $left } stripes to rebuild
flash-volume-made = The volume was made.
alert-degraded = Volume { $volume }: { $count ->
    [one] one stripe lacks a unit
   *[other] { $count } stripes lack units
 }. They are rebuilt once their store has been away for a while.
alert-risk = Volume { $volume }: { $count ->
    [one] one stripe
   *[other] { $count } stripes
 } can lose nothing more. Bring a store back, or add one.
alert-lost = Volume { $volume }: { $count ->
    [one] one stripe
   *[other] { $count } stripes
 } can’t be read until a store comes back.
stores-title = Stores
stores-empty = No node offers a store. A store is a directory that an agent offers:
store-id = No.
store-node = Node
store-name = Name
store-state = State
store-fill = Full
store-units = Units
store-health-up = up
store-health-suspect = not answering
store-health-down = down
store-state-enabled = enabled
store-state-cordoned = no new data
store-state-disabled = disabled
store-state-draining = being emptied
store-state-drained = emptied
store-enable = Enable store
store-cordon = Put no new data on store
store-drain = Empty store
flash-store-enabled = The store takes data again.
flash-store-cordoned = The store takes no new data.
flash-store-draining = The store is being emptied.

# Problems, by their codes
problem-share-unknown = This link leads to no file any more.
problem-export-unknown = There is no export “{ $name }”, or it is not open to you.
problem-export-read-only = You may read in { $name } but change nothing.
problem-export-busy = Somebody works in { $export }: { $sessions ->
    [one] one session is
   *[other] { $sessions } sessions are
 } open. Unmount it first.
problem-export-has-snapshots = { $export } still has { $snapshots ->
    [one] one snapshot. Remove it first.
   *[other] { $snapshots } snapshots. Remove them first.
 }
problem-snapshot-unknown = There is no snapshot “{ $name }” of that export.
problem-operator-needed = Only an operator may make an export. Restore in place, or ask one.
problem-storage-name = “{ $name }” is no name. A name has 3 to 63 characters: a to z, 0 to 9, and - or . between them.
problem-storage-name-taken = { $name } exists already. Choose another name.
problem-volume-unknown = There is no volume “{ $name }”. See the list of volumes for those there are.
problem-volume-has-exports = { $volume } still has the exports { $exports }. Remove them first.
problem-volume-shared = Others have exports on the volume { $volume }, so it can be mounted only by those who may use all of it. Use the files page, S3 or amphi volume put and get.
problem-layout-unknown = There is no such layout. 0 loses one store of 3 without harm, 1 two of 6, 2 four of 12.
problem-limits = The soft limit is above the hard one, so nobody would ever be warned.
problem-tenant = A tenant is given by its id, or as “mine” for your own.
problem-too-few-stores = Layout { $layout } needs { $need } stores; with these labels, { $have } take data now. Start more agents with --store.
problem-store-unknown = There is no store { $store }. See the list of stores for those there are.
problem-store-used = Store { $store } still holds parts of files. Drain it first.
problem-store-offered = Store { $store } is still offered by its node, and would come back. Take it out of the agent’s --store, or disable it first.
problem-store-offer = What the node says of its stores is not acceptable.
problem-stores-full = The data can’t be stored: the stores are full.
problem-stores-lacking = The data can’t be stored: too few stores take it now. Try again in a moment.
problem-too-few-units = The data can’t be read: too few of the stores that hold it answer. Try again in a moment.
problem-exists = The name is taken.
problem-changed = It was changed meanwhile; look again.
problem-quota = The quota is reached. Remove something, or ask for more.
problem-read-only = Nothing can be changed here.
problem-stale = The session is over, or somebody else works there now.
problem-gone = The export is gone.
problem-invalid = The change is not valid: { $fault }.
problem-unavailable = The export can’t be reached now.
problem-file-unknown = There is no { $path }.
problem-not-a-directory = { $path } is no directory.
problem-is-a-directory = { $path } is a directory.
problem-not-a-file = { $path } is no file.
problem-not-empty = { $path } is not empty.
problem-into-itself = { $path } can’t be moved to a place inside itself.
problem-root = That can’t be done with the root directory.
problem-file-name = “{ $name }” can’t be a name. A name has 1 to 255 bytes without /, and is neither . nor ..
problem-path-too-deep = A path has at most { $max } parts.
problem-file-changed = The file was changed or removed while it was read.
problem-file-too-large = A file has at most { $max } bytes.
problem-too-many-s3-keys = You have 100 S3 keys; revoke one first.
problem-s3-key-not-found = There is no such S3 key.
