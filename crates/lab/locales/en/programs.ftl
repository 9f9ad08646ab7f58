# Programs: the list, the page where they are written and run, and their own page.

nav-programs = Programs
nav-programs-overview = Overview
nav-programs-new = New program

# The list
program-overview-title = Programs
program-new = New program
program-scope = Whose programs
program-scope-all = All
program-scope-class = Class
program-scope-mine = Mine
program-scope-pinned = Pinned
program-any-tool = Any language
program-tool = Language
program-nothing-found = No program matches.
program-show-all = Show all programs
program-search-other = Search the experiments for this
program-empty-title = Write a program and run it
program-empty-text = A program runs on a node of this lab, shut off from everything else there; what it prints appears while it runs. Pinned examples of your teachers and your own programs appear here.

# Writing and running
program-title = New program
program-noscript = The editor needs JavaScript. Without it, run programs from a terminal: amphi run FILE.
program-draft-found = This is what you had not run yet when you left.
program-draft-drop = Drop it and begin anew
program-draft-kept = Draft kept in this browser
program-draft-too-large = Too large to be kept in this browser; run it to keep it
program-language = Language
program-language-nowhere = { $language } (on no node)
program-name-help = optional
program-files = Files
program-file-new = New file
program-file-rename = Rename this file
program-file-remove = Remove this file
program-file-upload = Upload files or a zip archive
program-own = Take from my files
program-own-take = Take
program-own-empty = This folder is empty.
program-own-up = The folder above
program-own-more = Only the first %n entries are shown.
program-file-name = Name, with folders if you like, such as data/words.txt
program-file-name-bad = Give a name of at most 200 bytes without “..”, backslashes, or a slash at the beginning or end.
program-file-name-taken = There is a file of this name already.
program-file-binary = This file is no text (%n bytes). The program finds it beside the others.
program-file-no-text = This file is no text.
program-file-too-large = %name is larger than 1 MiB, which is more than a program may have.
program-keys = Tab indents; Esc, then Tab leaves the editor.
program-args = Arguments
program-quote-open = The quote %quote is not closed. Close it, or write \%quote for the character itself.
program-backslash-open = Nothing follows the \ at the end. Write \\ for the character itself.
program-stdin = Standard input
program-stdin-file = from a file
program-stdin-help = What the program reads first
program-stdin-no-text = Standard input is text of at most 1 MiB here; send anything else with amphi run.
program-interactive = I type more while it runs
program-output-here = What the program prints appears here.
program-input = Type to the program, then Enter
program-send = Send
program-end-input = End of input
program-interrupt = Interrupt
program-input-lost = Not sent: the link to the program is lost at the moment.
program-input-refused = Not taken: the program takes no input now.
program-stop = Stop
program-faults = Places named in error messages
program-page = The page of this run, to keep or to share

# What a run used
program-time = Ran for
program-cpu = CPU time
program-memory = Memory
program-ms = { $ms } ms
program-seconds = { $seconds } s

# A program's own page
program-source = Source
program-fences = Contained by
program-fences-none = nothing on this node
program-args-none = none
program-edit = Edit
program-share = Share by link
program-unshare = Stop sharing
program-shared = Shared: everybody in your faculty or team who has this address sees it.
program-flash-submitted = The program was submitted.
program-flash-cancelled = The program is being cancelled.
program-flash-retried = Another attempt of the program was submitted.
program-flash-pinned = The program is pinned; everybody in the class sees it.
program-flash-unpinned = The program is no longer pinned.
program-flash-deleted = The program was deleted.
flash-shared = Everybody in your faculty or team who has the address can see it now.
flash-unshared = It is no longer shared.

# The editor's own words
editor-find = Find
editor-replace-with = Replace with
editor-next = next
editor-previous = previous
editor-all = all
editor-match-case = match case
editor-regexp = regular expression
editor-by-word = whole words
editor-replace = replace
editor-replace-all = replace all
editor-close = close
editor-current-match = current match
editor-on-line = on line
editor-replaced-line = replaced match on line $
editor-replaced = replaced $ matches
editor-go-to-line = Go to line
editor-go = go
