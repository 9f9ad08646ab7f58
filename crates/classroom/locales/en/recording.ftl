# What the pages of recordings say.
recording-missing-title = This recording is not there
recording-missing-text = It was deleted, or is not published. Ask who gave you the link.
recording-closed-title = This recording is protected
recording-closed-text = It opens from the course it belongs to, with a link that works once. Go back there and open it again.
recording-no-player-title = No player is installed here
recording-no-player-text = The recording is there, but the page that plays it is not. Tell the operator: the guide says how a player is installed.
