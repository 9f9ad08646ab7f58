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
