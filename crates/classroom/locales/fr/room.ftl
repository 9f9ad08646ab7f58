# What the pages of rooms say.

nav-classrooms = Salles de classe
nav-rooms = Salles

# The list
rooms-own = Vos salles
rooms-others = Salles où vous pouvez entrer
rooms-empty-title = Aucune salle pour l’instant
rooms-empty-teacher = Une salle sert à enseigner en ligne : avec le son, l’image, des diapositives et un tableau. Créez-en une, donnez son lien à votre classe et ouvrez-la quand vous enseignez. Il ne faut aucune autre plateforme.
rooms-empty-learner = Votre enseignant vous donne le lien d’une salle, ou en ouvre une ici pour tous ceux qui ont un compte.
room-new = Nouvelle salle
room-name = Nom
room-owner = Enseignant
room-now = En ce moment
room-entrance = Qui peut venir
room-entrance-link = Quiconque a le lien
room-entrance-account = Les personnes qui ont un compte
room-open = Ouverte
room-not-open = Fermée
room-people = { $count ->
    [one] { $count } personne
   *[other] { $count } personnes
 }
room-copy = Copier le lien
room-start = Ouvrir
room-join = Entrer
room-join-moderator = Entrer comme modérateur
room-no-server-teacher = Aucun serveur de conférence n’accepte de réunion en ce moment. Un opérateur en ajoute un, ou le répare, sous Serveurs de conférence.
room-no-server-learner = Les salles ne peuvent pas être ouvertes en ce moment ; réessayez bientôt.

# One room
room-users = Personnes
room-voices = Microphones
room-videos = Caméras
room-waits = La salle n’est pas encore ouverte. Cette page le montrera dès qu’elle le sera.
room-full = { $people ->
    [one] La salle est pleine : { $people } personne s’y trouve.
   *[other] La salle est pleine : { $people } personnes s’y trouvent.
 }
room-end = Terminer
room-end-confirm = { $count ->
    [0] Terminer la réunion ? Personne ne s’y trouve.
    [one] Terminer la réunion ? { $count } personne s’y trouve et devra sortir.
   *[other] Terminer la réunion ? { $count } personnes s’y trouvent et devront sortir.
 }
room-invitation = Invitation
room-invitation-link = Quiconque a ce lien peut venir, sous le nom qu’il donne.
room-invitation-account = Qui a ce lien et un compte ici peut venir.
room-renew = Renouveler
room-renew-confirm = Créer un nouveau lien ? L’actuel ne mènera plus nulle part.
room-settings = Réglages
room-recordings = Enregistrements de cette salle
room-edit = Modifier
room-delete = Supprimer la salle
room-delete-confirm = Supprimer « { $room } » ? Son lien ne mènera plus nulle part, et une réunion en cours se terminera. Les enregistrements restent.
room-yes = Oui
room-no = Non
room-unlimited = Sans limite
room-entering = Vers { $room }
room-entering-text = Vous êtes conduit vers la salle.
room-enter = Entrer dans la salle
room-left = Vous avez quitté la salle
room-left-text = Vous pouvez fermer cette fenêtre. Pour revenir, prenez le lien par lequel vous êtes venu.
flash-room-made = La salle a été créée. Donnez son lien à ceux qui doivent venir.
flash-room-saved = La salle a été enregistrée. Une réunion en cours garde ses réglages.
flash-room-ended = La réunion a été terminée.
flash-room-renewed = La salle a un nouveau lien.
flash-room-deleted = La salle a été supprimée.

# The form
room-new-title = Nouvelle salle
room-edit-title = Modifier la salle
room-create = Créer la salle
room-name-help = Ce que tous lisent, par exemple « Algèbre 2 ».
room-welcome = Message d’accueil
room-welcome-help = Montré dans la discussion à tous ceux qui viennent ; 1 000 caractères au plus.
room-entrance-help = Avec un compte : qui est connecté ici et appartient à votre faculté.
room-record = Enregistrement
room-record-off = Jamais
room-record-allowed = Quand un modérateur le commence
room-record-automatic = Dès le début
room-record-help = Prévenez les personnes avant de les enregistrer.
room-lobby = Les invités attendent qu’un modérateur les fasse entrer
room-lobby-help = Les invités sont les personnes sans compte.
room-lobby-fact = Les invités attendent
room-mute = Les microphones sont coupés à l’entrée
room-mute-help = Chacun peut rétablir le sien.
room-mute-fact = Microphones coupés au début
room-anyone-starts = Les étudiants peuvent commencer sans vous
room-anyone-starts-help = Sinon, ils attendent que vous soyez là.
room-anyone-starts-fact = Les étudiants peuvent commencer
room-people-max = Personnes au plus
room-people-max-help = De 2 à 1 000 ; vide pour aucune limite.
room-minutes = Minutes au plus
room-minutes-help = Après ce temps, la réunion se termine ; 1 440 au plus, vide pour aucune limite.

# The invitation
join-invited-by = { $name } vous invite dans cette salle.
join-host = Gérer la salle
join-needs-account = Cette salle est réservée aux personnes qui ont un compte de { $tenant }.
join-other-account = Vous êtes connecté avec un compte d’un autre établissement. Déconnectez-vous, puis reconnectez-vous avec le bon.
join-as = Vous entrez sous le nom de { $name }.
join-name = Votre nom
join-name-help = Tel que les autres le liront. Vous avez un compte ?
join-sign-in = Connectez-vous
join-enter = Entrer
join-waits = La salle n’est pas encore ouverte. Gardez cette page : un bouton apparaîtra quand elle le sera.
join-look-again = Regarder de nouveau

# Refusals
problem-room-name = Un nom a de 1 à 100 caractères et tient sur une ligne.
problem-room-welcome = Un message d’accueil a 1 000 caractères au plus.
problem-room-people = La limite de personnes est un nombre entier de 2 à 1 000 ; laissez vide pour aucune.
problem-room-minutes = Les minutes sont un nombre entier de 0 à 1 440 ; laissez vide pour aucune limite.
problem-room-unknown = Il n’y a pas de telle salle.
problem-room-others = Cette salle est à quelqu’un d’autre ; vous pouvez y venir, non la modifier.
problem-rooms-many = Vous avez 200 salles, autant qu’on peut en avoir ; supprimez-en une d’abord.
problem-room-invitation-unknown = Il n’y a pas de salle derrière ce lien. Il a peut-être été renouvelé ; demandez à qui vous l’a donné.
problem-room-closed = La salle n’est pas encore ouverte.
problem-room-full = { $people ->
    [one] La salle est pleine : { $people } personne s’y trouve.
   *[other] La salle est pleine : { $people } personnes s’y trouvent.
 }
problem-room-needs-account = Cette salle est réservée aux personnes qui ont un compte de { $tenant }.
