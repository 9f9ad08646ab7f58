# The lab's pages: navigation, experiments, nodes, status, policy, and why things are refused.

nav-lab = Lab
nav-lab-overview = Overview
nav-lab-new = New experiment
nav-nodes = Nodes
nav-status = Status
nav-policy = Policy

# Lists and forms
lab-overview-title = Experiments
lab-new = New experiment
lab-new-title = New experiment
lab-scope = Whose experiments
lab-scope-all = All
lab-scope-class = Class
lab-scope-mine = Mine
lab-scope-pinned = Pinned
lab-filter = Filter
lab-filter-text = Name, command or owner
lab-any-tool = Any tool
lab-any-node = Any node
lab-any-status = Any status
lab-pinned = Pinned
lab-name = Name
lab-tool = Tool
lab-node = Node
lab-owner = Owner
lab-status = Status
lab-age = Age
lab-actions = Actions
lab-view = View
lab-view-name = View { $name }
lab-delete = Delete
lab-delete-name = Delete { $name }
lab-delete-sure = “{ $name }” will be deleted, with everything it printed. This can't be undone.
lab-newer = newer
lab-older = older
lab-pages = Pages of the list
lab-fresh-one = %n new
lab-fresh-other = %n new
lab-nothing-found = No experiment matches.
lab-show-all = Show all experiments
lab-empty-title = Try the network out
lab-empty-text = An experiment runs a network tool, such as ping, traceroute or iperf3, on a node of this lab, and keeps what it printed. Pinned examples of your teachers and your own experiments appear here.
lab-empty-cli = Or from a terminal:
lab-copy = Copy
lab-download = Download
lab-save = Save
lab-destination = Destination
lab-destination-host = A host name, an address or the name of a node, for example example.org or 192.0.2.1.
lab-destination-host-port = A host name, an address or the name of a node, for example example.org; a port may follow, as in 192.0.2.1:443.
lab-destination-url = A web address, for example https://example.org/.
lab-destination-name = The domain name to ask about, for example example.org, or an address whose name is asked for.
lab-node-any = Least loaded
lab-node-help = { $count ->
    [0] No node that is up has this tool now; the experiment would wait for one.
    [one] One node is up and has this tool. Leave it empty to let the lab choose.
   *[other] { $count } nodes are up and have this tool. Leave it empty to let the lab choose the least loaded.
 }
lab-node-load = { $running } of { $slots } slots busy
lab-options = Options
lab-form-range = From { $min } to { $max } { $unit }.
lab-form-open = Leave it open
lab-form-default = Default ({ $value })
lab-form-show-options = Show the options of this tool
lab-name-help = To find it again in the list; left empty, the command line.
lab-run = Run
lab-cancel-form = Cancel
lab-same-cli = The same from a terminal
lab-same-api = The same as a call of the API

unit-packets = packets
unit-s = seconds
unit-bytes = bytes
unit-hops = hops
unit-streams = streams
unit-bit-s = bit/s
unit-experiments = experiments
unit-mib = MiB
unit-processes = processes
unit-kib = KiB
unit-runs = runs

# One experiment
job-status-waiting = waiting
job-status-running = running
job-status-cancelling = being cancelled
job-status-completed = completed
job-status-error = error
job-status-cancelled = cancelled
job-place = { $place } in queue
job-exited = completed, exit status { $code }
job-again = Run again
job-change = Run with changes
job-cancel = Cancel
job-retry = Retry
job-pin = Pin
job-unpin = Unpin
job-rename = Edit the name
job-command = Command
job-arguments = Arguments
job-arguments-none = none; the tool's defaults
job-return = Return status
job-created = Created
job-started = Started
job-completed = Completed
job-took = (ran for { $seconds } s)
job-output = Output
job-output-search = Find in the output
job-output-wrap = Wrap lines
job-output-copy = Copy { $stream }
job-output-download = Download { $stream }
job-output-none = It printed nothing.
job-output-noscript = The output appears here when the experiment is over; load the page again then. Or download it.
job-output-attempt = Attempt %n
job-output-dropped = Older lines are not shown here; they are in the download.
job-output-new-one = ↓ %n new line
job-output-new-other = ↓ %n new lines
job-output-hit-one = %n line
job-output-hit-other = %n lines
job-output-lost = The link is lost; output goes on as soon as it is back.
job-output-line = Line %n
job-output-compile = compiler
job-attempts = Attempts
job-attempt = Attempt
job-role = Role
job-role-near = measures
job-role-far = far end
run-status-waiting = waiting
run-status-leased = given to the node
run-status-running = running
run-status-exited = ended
run-status-failed = failed
run-status-lost = lost with its node
run-status-cancelled = cancelled

reason-node-down = node down
reason-node-lost = the node was lost during the run
reason-too-busy = too busy, come back later
reason-wall-time = it ran longer than it may and was stopped
reason-output-cap = it printed more than it may and was stopped
reason-not-started = it could not be started on the node
reason-name-unknown = the destination's name has no address on the node
reason-forbidden = the destination lies in a network that this lab refuses
reason-far-end = the far end of the measurement could not be started
reason-compile = the program did not compile
reason-cpu-time = the program used more CPU time than it may and was stopped
reason-memory = the program used more memory than it may and was stopped
reason-processes = the program failed after it wanted more processes than it may have
reason-file-size = the program wrote a larger file than it may and was stopped
reason-blocked-call = the program made a system call that no program may make and was stopped
reason-uncontained = nothing on the node would hold the program in, and its operator does not allow that

# Nodes
nodes-title = Nodes
nodes-empty-title = No nodes yet
nodes-empty-text = A node is a machine that runs experiments. It needs the program amphi, the network tools, and a way out to this address.
nodes-empty-ask = An operator of this lab can add one.
node-name = Name
node-health = Health
node-state = State
node-runs = Runs
node-labels = Labels
node-tools = Tools
node-addresses = Addresses
node-last-seen = Last seen
node-load = { $running } of { $slots }
node-load-capped = { $running } of { $slots } (agent allows { $allowed })
node-health-up = up
node-health-suspect = late
node-health-down = down
node-state-enabled = enabled
node-state-cordoned = cordoned
node-state-disabled = disabled
node-enable = Enable
node-cordon = Cordon
node-disable = Disable
node-states-help = A cordoned node finishes its runs and takes no new ones. A disabled one gives its runs up as well.
node-uid = UID
node-hostname = Host name
node-os = Operating system
node-kernel = Kernel
node-cores = Processors
node-memory-label = Memory
node-memory = { $gib } GiB
node-agent = Agent
node-created = Added
node-version = Version
node-programs = Programs are held in by
node-programs-no = It takes no programs.
node-programs-uncontained = Nothing: programs run uncontained.
node-no-tools = No tools were found on it. Install some, such as iputils-ping or traceroute; the agent finds them when it starts.
node-administer = Settings
node-name-help = 1 to 63 lower-case letters, digits and hyphens. It may stand as a destination.
node-slots = Slots
node-slots-help = Runs at the same time; the agent itself allows { $slots }.
node-slots-number = Slots is a whole number, from 1 to 1,024.
node-labels-help = One a line, key=value. Experiments can ask for a node by its labels.
node-labels-form = Write each label on a line of its own as key=value, such as site=paris.
node-remove = Remove the node
node-remove-help = Its agent is told not to come back. Experiments that ran there keep their results.
node-remove-sure = The node { $name } will be removed. To bring it back, it has to join again with a new token.
node-new = Add a node
node-new-title = Add a node
node-new-text = A node is any Linux machine that can reach this address; nothing has to reach the node.
node-new-step-install = Install the program amphi on it, and the tools it shall offer: iputils-ping, traceroute, mtr-tiny, iperf3, bind9-dnsutils, curl, openssl, iputils-tracepath.
node-new-step-command = Run the command below there. It trades the token for a certificate of its own and stays connected.
node-new-step-appears = The node appears in the list within a second, with the tools that were found on it.
node-new-local = Other machines can’t reach { $url }. Run “amphi serve” with a “listen” address and a “public_url” that they reach, and make the token there.
node-new-options = Add --name to call it something else than its host name, --slots for the runs at the same time, --label site=paris for labels.
node-new-watch = Watch it appear in the list of nodes
node-token-valid = The command shall hold for
node-token-hour = one hour
node-token-day = one day
node-token-week = one week
node-token-make = Make the command
node-token-once = The command is shown this once and enrols one node, until { $time }.

# Status
status-title = Status
status-up = Everything is up
status-degraded = Some nodes are down
status-down = No node is up
status-waiting = Waiting
status-running = Running
status-runs = { $count ->
    [one] One run
   *[other] { $count } runs
 }
status-at = Read
status-json = The same as JSON
status-metrics = Metrics (for operators)
status-no-nodes = There are no nodes.

# Policy
policy-title = Policy
policy-account-waiting-max = Waiting experiments of one learner
policy-account-waiting-max-help = More are refused until one ends. Teachers are not counted.
policy-account-hourly-max = Experiments of one learner in an hour
policy-account-hourly-max-help = More are refused until the hour is over. Teachers are not counted.
policy-in-flight-max = Runs at the same time, on all nodes
policy-in-flight-max-help = More wait in the queue.
policy-starts-per-minute-max = Starts in a minute, by each replica
policy-starts-per-minute-max-help = More wait in the queue.
policy-waiting-max-s = Longest wait
policy-waiting-max-s-help = An experiment that waited longer ends as “too busy”.
policy-refused-networks = Refused networks
policy-refused-networks-help = Nobody may aim at these. One a line, such as 10.0.0.0/8 or 2001:db8::/32. Link-local is refused anyway; loopback too, unless this control plane allows it, as “amphi up” does.
policy-refused-names = Refused names
policy-refused-names-help = Nobody may aim at these. One a line, such as www.example.org or *.example.org.
policy-programs-cpu-s = CPU time of a program
policy-programs-cpu-s-help = Of all its processes together. A language may ask for less, here and below.
policy-programs-wall-s = Time of a program
policy-programs-wall-s-help = From its start to its end.
policy-programs-memory-mib = Memory of a program
policy-programs-memory-mib-help = Of all its processes together, with the files it writes.
policy-programs-processes = Processes of a program
policy-programs-processes-help = At the same time; threads count.
policy-programs-file-mib = Largest file of a program
policy-programs-file-mib-help = What it writes beyond that is refused.
policy-programs-output-kib = Output of a program
policy-programs-output-kib-help = A program that prints more is stopped.
policy-programs-network = Programs may use their node’s network
policy-programs-network-help = Otherwise a program reaches nothing but itself.
policy-number = Write a whole number.
policy-network = “{ $text }” is no network. Write an address and a prefix length, such as 10.0.0.0/8 or 2001:db8::/32.
policy-name = “{ $text }” is no name pattern. Write a host name, or *. and a domain, such as *.example.org.
policy-range = Write a whole number from 1 to { $max }.
policy-too-many = { $count } lines are too many; at most 1,000 are allowed.

# What was done
flash-submitted = The experiment was submitted.
flash-cancelled = The experiment is being cancelled.
flash-retried = The experiment was submitted again.
flash-renamed = The name was changed.
flash-pinned = The experiment is pinned; everybody in the class sees it.
flash-unpinned = The experiment is no longer pinned.
flash-deleted = The experiment was deleted.
flash-node-enabled = The node is enabled.
flash-node-cordoned = The node is cordoned: it finishes its runs and takes no new ones.
flash-node-disabled = The node is disabled.
flash-node-saved = The node was changed.
flash-node-removed = The node was removed.
flash-node-busy = The node still has runs. Cordon it and wait for them to end, or disable it first.
flash-policy-saved = The policy was changed; it holds for what is submitted from now on.

# Why things are refused
problem-name-too-long = The name has { $length } characters; at most 120 are allowed.
problem-name-control = The name holds a control character such as a line break; write it on one line of plain text.
problem-node-name = “{ $name }” is no node name. Use 1 to 63 lower-case letters, digits and hyphens, not at either end, such as lab-a.
problem-policy = A value of the policy is not acceptable.
problem-request = The value of this field is not acceptable.
problem-node-unknown = There is no node “{ $node }”. See the list of nodes for those there are.
problem-node-down = { $node } is down (last seen { $ago } ago). Choose another node, or leave the choice to the lab.
problem-node-out = { $state ->
    [cordoned] { $node } is cordoned: it takes no new runs. Choose another node, or leave the choice to the lab.
   *[disabled] { $node } is disabled: it takes no runs. Choose another node, or leave the choice to the lab.
 }
problem-no-node-with-tool = No node has { $tool }. An operator can install it on a node, or add one that has it.
problem-no-node-with-language = No node has { $language }. The languages there are: { $languages }. An operator can install it on a node.
problem-no-input = The program takes no input: it is not running, or too much input waits for it.
problem-no-node-with-labels = No node that has { $tool } carries { $labels }. See the list of nodes for their labels.
problem-node-lacks-tool = { $node } has no { $tool }. It has: { $tools }.
problem-too-many-waiting = { $waiting } of your experiments wait already; { $max } may. Wait for one to end, or cancel one.
problem-too-many-hourly = { $max } experiments an hour are allowed, and you have submitted as many. Come back later.
problem-job-unknown = There is no experiment of that id, or it is not yours.
problem-job-of-another = Only its owner or an operator may do that.
problem-job-open = The experiment is not over. Cancel it first.
problem-job-over = The experiment is over; there is nothing to cancel.
problem-not-retryable = Only an experiment that ended as an error or was cancelled can be tried again.
problem-idempotency-reused = This Idempotency-Key was used for another request. Use a new key for a new request.
problem-cursor = The page cursor is not one that this list gave. Begin again without it.
problem-join-token = The join token is unknown, was used, or has expired. Make a new one.
problem-old-protocol = The agent speaks another version of the protocol. Install the same version of amphi on both sides.
problem-certificate-request = The certificate request can't be read. Enrol with an unchanged amphi agent.
problem-node-name-taken = Another node is called “{ $name }” already. Choose another name.
problem-node-busy = { $node } still has { $running } runs. Cordon it and wait for them to end, or disable it first.
