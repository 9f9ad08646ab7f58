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

nav-spaces = Exports
nav-shares = Shared links
nav-s3-keys = S3 keys
space-above = { $used } are used, more than the soft limit of { $limit }. Remove files, or ask an operator for more.

# Snapshots, links, keys
snapshots-title = Snapshots
snapshots-help = A snapshot is all of this export as it was in one moment. It takes no room until files change.
snapshot-name = Name of the snapshot
snapshot-take = Take a snapshot
snapshot-taken = Taken
snapshot-restore = Restore
snapshot-restore-confirm = Put the snapshot “{ $name }” in the place of all that is in { $export } now? What was changed since is lost.
snapshot-remove-confirm = Delete the snapshot “{ $name }” of { $export }?
flash-snapshot-taken = The snapshot was taken.
flash-snapshot-restored = The snapshot was restored.
flash-snapshot-removed = The snapshot was deleted.
shares-title = Shared links
shares-help = Whoever has one of these links can download its file without signing in. A link itself is shown only when it is made; if it is lost, make another one and revoke this one.
shares-empty-title = Nothing is shared
shares-empty-text = A file’s menu makes a link that holds for as many days as you choose.
shares-file = File
shares-maker = Made by
shares-made = Made
shares-until = Holds until
share-revoke = Revoke
share-revoke-confirm = Revoke the link to “{ $path }”? It leads nowhere from then on.
flash-share-revoked = The link was revoked.
s3-keys-title = S3 keys
s3-keys-help = Programs for S3 sign their requests with a key. It may do what your account may: exports are buckets.
s3-key-name = Name
s3-key-name-help = What it is for, for example “laptop”.
s3-key-id = Access key id
s3-key-create = Create a key
s3-key-made = Copy it now: the secret is shown this once.
s3-key-revoke-confirm = Revoke the key “{ $name }”? What it signs is refused from then on.
flash-s3-key-revoked = The key was revoked.

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
files-share-days = How long the link holds
files-share-for = { $days ->
    [one] for one day
   *[other] for { $days } days
 }
files-shared = Whoever has this link can download the file for { $days ->
    [one] one day
   *[other] { $days } days
 }, without signing in. Copy it now: it is shown this once.
files-filter = Filter by name
files-filter-set = Filter
files-filter-part = Name contains…
files-filter-begin = Name begins with…
files-filter-none = No name here contains “{ $filter }”.
files-filter-none-begin = No name here begins with “{ $filter }”.
files-filter-clear = Show all
files-sort = Sort by
files-range = { $first } to { $last } of { $count }
files-large = This folder has more than { $max } entries: it is listed by name alone, and the filter finds names that begin with it.
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
volume-away = cannot be read now
volume-away-stores = { $count ->
    [one] One store is away; comes back with it
   *[other] { $count } stores are away; comes back with them
 }
volume-rebuilding = { $left } stripes to rebuild
flash-volume-made = The volume was made.
volume-scrubbed = compared
work-rebuild = Rebuild
work-rebalance = Rebalance
work-scrub = Comparison
work-words = { $what }: { $done } of { $total }, { $rate }/s
work-words-left = { $what }: { $done } of { $total }, { $rate }/s, { $left } left
left-seconds = { $count } s
left-minutes = { $count } min
left-hours = { $count } h
care-rebuild = Rebuild
care-rebuild-help = Put on other stores now what is on stores that are away
care-scrub = Compare
care-scrub-help = Compare all that is stored with its checksums, and repair what is damaged
care-rebalance = Rebalance
care-rebalance-help = Move data from the fullest stores to the emptiest
flash-rebuild = What is missing is rebuilt as soon as its stores were away for 15 seconds.
flash-scrub = All that is stored is compared with its checksums.
flash-rebalance = Data is moved from the fullest stores to the emptiest.
rates-title = Pace
rates-help = Rebuilding and comparing leave disks and network to those who work, as far as these limits say. They hold at once.
rates-rebuild = Rebuild and rebalance, MiB a second
rates-scrub = Compare, MiB a second on each store
rates-set = Set
flash-rates = The pace was set.
alert-degraded = Volume { $volume }: { $count ->
    [one] one stripe lacks a unit
   *[other] { $count } stripes lack units
 }. They are rebuilt once their store has been away for ten minutes.
alert-at-risk = Volume { $volume }: { $count ->
    [one] one stripe
   *[other] { $count } stripes
 } can lose nothing more. Bring a store back, or add one and rebuild.
alert-lost = Volume { $volume }: { $count ->
    [one] one stripe is
   *[other] { $count } stripes are
 } lost: too many of the stores that had { $count ->
    [one] it
   *[other] them
 } exist no more. Take the files from a copy.
alert-away = Volume { $volume }: { $count ->
    [one] one stripe cannot be read now
   *[other] { $count } stripes cannot be read now
 }: { $stores ->
    [one] one store is away. All is back when it
   *[other] { $stores } stores are away. All is back when they
 } can be reached again.
alert-cannot-place = Volume { $volume }: nothing can be written, since only { $count ->
    [one] one store takes
   *[other] { $count } stores take
 } its data. Bring stores back, free room on them, or add some.
alert-damage = Volume { $volume }: { $count ->
    [one] one stripe is damaged and waits
   *[other] { $count } stripes are damaged and wait
 } for repair.
alert-damage-found = Store { $store }: the last comparison found { $count ->
    [one] one damaged unit. It is
   *[other] { $count } damaged units. They are
 } repaired from the others. Look at its disk, and empty the store if it goes on.
alert-exposed = Volume { $volume }: { $count ->
    [one] one stripe
   *[other] { $count } stripes
 } can’t be read without some one node. Units are put further apart once stores of other nodes take any: enable those, or add some.
alert-full = Store { $store } is full. Add stores, then rebalance.
alert-nearly-full = Store { $store } has less than a tenth of its room left. Add stores, or remove files and snapshots.
alert-soft-quota = Export { $export } holds more than its soft limit. Remove files, or raise the limit.
stores-title = Stores
stores-empty = No node offers a store. A store is a directory, or a bucket of an S3-compatible service, that an agent offers:
store-id = No.
store-node = Node
store-name = Name
store-kind = Kind
store-kind-node = Directory
store-kind-bucket = Bucket
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

# Mounts on nodes
mounts-title = Mounts on { $node }
mounts-back = The node
mounts-help = The node’s agent keeps these exports mounted, with the rights of who asked, and mounts them again when it was restarted.
mounts-none = Nothing is mounted here for operators.
mounts-new = Mount an export
mounts-no-export = There is no export yet. Make a volume first.
mounts-export = Export
mounts-directory = Directory
mounts-directory-help = On the node, from / on; empty, or absent: then it is made.
mounts-read-only = read only
mounts-mount = Mount
mounts-unmount = Unmount
mount-mounted = mounted
mount-failing = not mounted
mount-unmounting = being unmounted
mount-waiting = waiting for the node
flash-mount = The node mounts it in a moment.
flash-unmount = The node unmounts it once everything is stored.

# Problems, by their codes
problem-share-unknown = This link leads to no file any more.
problem-share-days = A link holds for 1 to { $max } days, not { $days }.
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
problem-snapshots-too-many = An export has at most { $most } snapshots; remove one first.
problem-operator-needed = Only an operator may make an export. Restore in place, or ask one.
problem-storage-name = “{ $name }” is no name. A name has 1 to 63 characters: a to z, 0 to 9, and - or . between them.
problem-storage-name-taken = { $name } exists already. Choose another name.
problem-volume-unknown = There is no volume “{ $name }”. See the list of volumes for those there are.
problem-volume-has-exports = { $volume } still has the exports { $exports }. Remove them first.
problem-volume-shared = Others have exports on the volume { $volume }, so it can be mounted only by those who may use all of it. Use the files page, S3 or amphi volume put -r and get -r.
problem-layout-unknown = There is no such layout. 0 loses one store of 3 without harm, 1 two of 6, 2 four of 12.
problem-limits = The soft limit would be above the hard one, so nobody would ever be warned. Give a lower soft limit as well, or 0 for none.
problem-tenant = There is no tenant { $name }. Give its name, or “mine” for your own.
problem-too-few-stores = Layout { $layout } needs { $need } stores; with these labels, { $have } take data now. Start more agents with --store.
problem-store-unknown = There is no store { $store }. See the list of stores for those there are.
problem-store-used = Store { $store } still holds parts of files. Drain it first.
problem-store-offered = Store { $store } is still offered by its node, and would come back. Take it out of the agent’s --store, or disable it first.
problem-store-offer = What the node says of its stores is not acceptable.
problem-stores-full = The data can’t be stored: the stores are full.
problem-stores-lacking = The data can’t be stored: too few stores take it now. Try again in a moment.
problem-too-few-units = The data can’t be read: too few of the stores that hold it answer. Try again in a moment.
problem-ending = The service is stopping. Try again in a moment.
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
problem-rate-too-low = At less than 1 MiB a second the care of data would not end.
problem-s3-key-not-found = There is no such S3 key.
problem-mount-directory = “{ $directory }” is no directory to mount on. It begins with /, has at most 190 bytes, and no part of it is . or ..
problem-directory-taken = Something is mounted on { $directory } of that node already.
problem-mounts-too-many = A node has at most { $most } mounts.
problem-mount-unknown = There is no such mount on that node.
problem-home-lacking = Nobody has files of their own here yet: there is no volume “home”. Ask an operator for one.
