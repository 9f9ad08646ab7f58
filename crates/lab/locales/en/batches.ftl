# Batches: their lists, the page of one, and how one is asked for.

nav-batches = Batches

# The lists
batch-list-title = Batches
batch-progress = Progress
batch-newest = newest
batch-over = { $over } of { $count } over
batch-status-waiting = waiting
batch-status-running = running
batch-status-completed = completed
batch-status-cancelled = cancelled
batch-completed-failed = completed, { $count } failed
batch-created = Created
batch-completed = Completed
batch-failed-of = { $count } failed
batch-empty-title = The same many times over
lab-batch-empty = A batch runs one experiment many times, against many destinations or on every node, and counts what came of it. Fill in an experiment and open “Run many”.
program-batch-empty = A batch runs one program for many numbers, arguments or inputs, or on every node, and counts what came of it. Write a program and open “Run many”.

# One batch
batch-number = { $count }
batch-done = done
batch-cancelled = cancelled
job-status-failed = failed
batch-rate-second = { $count } a second
batch-rate-minute = { $count } a minute
batch-left-seconds = about { $count } s left
batch-left-minutes = about { $count } min left
batch-left-hours = about { $count } h left
batch-failures = First failures
batch-failures-all = { $count ->
    [one] The one that failed
   *[other] All { $count } that failed
 }
batch-stranded = Its node was removed: the elements that had not started have failed.
batch-waits-node-out = It waits: { $node } is { $state ->
    [cordoned] cordoned
   *[disabled] disabled
 } and takes no new runs until an operator enables it.
batch-waits-node-down = It waits: { $node } is down.
batch-waits-no-node = It waits: no node that could run it is up.
batch-gone = This batch was deleted.
batch-back = Back to the batches
batch-elements = Elements of a batch
batch-elements-newest = Newest elements
batch-elements-all = All elements
batch-elements-none = No node has taken an element yet.
batch-element = Batch
batch-element-of = element { $index }
batch-cancel-sure = The batch “{ $name }” will be cancelled. { $waiting ->
    [0] No element waits to be started any more.
    [one] The one element that waits is not started any more.
   *[other] The { $waiting } elements that wait are not started any more.
 } { $running ->
    [0] None runs now.
    [one] The one that runs is stopped.
   *[other] The { $running } that run are stopped.
 } { $over ->
    [0] None is over yet.
    [one] The one that is over keeps its result.
   *[other] The { $over } that are over keep their results.
 }
batch-again-sure = The batch “{ $name }” will be run again as a new one: { $count ->
    [one] its element is submitted once more.
   *[other] all of its { $count } elements are submitted once more.
 }
batch-again-help = The same once more, as a new batch with an id of its own; this one stays as it is.
batch-element-output = Output
batch-delete-sure = The batch “{ $name }” will be deleted, with its { $count } elements and what they printed.
flash-batch-submitted = The batch was submitted.
flash-batch-cancelled = The batch is being cancelled.
flash-batch-deleted = The batch was deleted.
flash-batch-pinned = Some elements of the batch are pinned for the class. Unpin them first.

# Asking for one
many-title = Run many
many-how = Run it
many-once = once
many-times = several times
many-destinations = for more destinations
many-nodes = on each node
many-array = for each number
many-lines = for each line of arguments
many-inputs = for each line of input
many-inputs-label = Inputs, one line for each run
many-inputs-help = Each run reads its line as standard input.
many-count = How often
many-count-help = Up to 100,000 times.
many-more = More destinations
many-more-help = One a line. The one above is the first; left empty, the first of these.
many-nodes-help = Once on each node that can run it now.
many-from = From
many-to = To
many-array-help = The number stands for {"{"}index{"}"} in the arguments, and in the environment variable AMPHI_INDEX.
many-lines-label = Arguments, one line for each run
many-lines-help = They go behind the arguments above, or stand for {"{"}1{"}"}, {"{"}2{"}"} … there.
