# Cadre
skip-to-content = Aller au contenu
nav-main = Navigation principale
nav-second = Dans cette rubrique
nav-open = Ouvrir la navigation
nav-admin = Administration
nav-accounts = Comptes
nav-tenants = Établissements
nav-clients = Clients
nav-journal = Journal
search = Rechercher
search-hint = Rechercher… (/)
theme = Thème
theme-light = Clair
theme-dark = Sombre
theme-auto = Comme le système
language = Langue
language-en = English
language-fr = Français
account-menu = Menu du compte
account-mine = Mon compte
sign-in = Se connecter
sign-out = Se déconnecter
signed-out = Vous êtes déconnecté.
close = Fermer
cancel = Annuler
confirm = Confirmer
confirm-not = Ne rien faire
confirm-title = Êtes-vous sûr ?
confirm-type-name = Saisissez { "{name}" } pour confirmer.
copy = Copier
save = Enregistrer
delete = Supprimer
filter = Filtrer
actions = Actions
pages = Pages de la liste
page-next = Suivants
page-older = Plus anciens
number = { $count }
live-connecting = Connexion…
live-on = En direct
live-lost = Liaison perdue depuis { "{time}" }
js-copied = Copié.
js-failed = Cela n’a pas marché ; réessayez.
shortcuts = Raccourcis clavier
keys-search = Rechercher
keys-new = Nouveau
keys-rows = Ligne suivante ou précédente
keys-open = Ouvrir la ligne
keys-go = Aller au labo (p : programmes, r : salles de classe, n : nœuds, s : état, a : comptes, c : clients, j : journal)
keys-help = Afficher cette liste

# Durées
time-now = à l’instant
time-seconds-ago = { $count ->
    [one] il y a { $count } seconde
   *[other] il y a { $count } secondes
 }
time-minutes-ago = { $count ->
    [one] il y a { $count } minute
   *[other] il y a { $count } minutes
 }
time-hours-ago = { $count ->
    [one] il y a { $count } heure
   *[other] il y a { $count } heures
 }
time-days-ago = { $count ->
    [one] il y a { $count } jour
   *[other] il y a { $count } jours
 }
time-months-ago = il y a { $count } mois
time-years-ago = { $count ->
    [one] il y a { $count } an
   *[other] il y a { $count } ans
 }
time-in-days = { $count ->
    [one] dans { $count } jour
   *[other] dans { $count } jours
 }

# Tailles
size-bytes = { $count ->
    [one] { $count } octet
   *[other] { $count } octets
 }
size-kib = { $count } Kio
size-mib = { $count } Mio
size-gib = { $count } Gio
size-tib = { $count } Tio
size-pib = { $count } Pio
size-eib = { $count } Eio

# Mots
login = Identifiant
password = Mot de passe
name = Nom
role = Rôle
role-any = Tous les rôles
role-learner = Apprenant
role-teacher = Enseignant
role-operator = Opérateur
role-admin = Administrateur
tenant = Établissement
tenant-any = Tous les établissements
status = État
created = Créé
last-used = Dernier usage
last-seen = Vu
address = Adresse
agent = Programme
time = Date
deed = Action
deed-hint = Action, ou « account. »
target = Objet
detail = Détail

# Mon compte
profile = Profil
account-saved = Enregistré.
password-change = Changer le mot de passe
password-change-first = Votre mot de passe a été choisi par quelqu’un d’autre. Choisissez le vôtre pour continuer.
password-current = Mot de passe actuel
password-new = Nouveau mot de passe
password-repeat = Nouveau mot de passe, encore une fois
password-help = Au moins 10 caractères, différent de l’identifiant. Toutes vos autres sessions prennent fin.
password-changed = Le mot de passe est changé ; vos autres sessions ont pris fin.
tokens = Jetons d’API
tokens-help = Pour les programmes et la ligne de commande. Un jeton a vos droits ; il n’est montré qu’une fois.
token-name = Pour quoi faire
token-days = Jours avant la fin
token-never = Jamais
token-expires = Fin
token-create = Créer un jeton
token-made = Copiez le jeton maintenant : il ne sera plus montré.
token-deleted = Le jeton est supprimé et désormais refusé.
token-delete-confirm = Le jeton « { $name } » sera refusé aussitôt ; les programmes qui l’utilisent s’arrêteront.
sessions = Où vous êtes connecté
session-end = Mettre fin
session-ended = C’est terminé.
session-end-confirm = Le client à l’adresse { $address } devra se reconnecter ; le jeton d’un programme est supprimé.

# Clients
clients-help = Navigateurs connectés et programmes ayant utilisé un jeton, sur les sept derniers jours.
clients-here = { $count ->
    [0] Personne n’est connecté.
    [one] Un client est connecté.
   *[other] { $count } clients sont connectés.
 }
client-kind = Genre
client-browser = Navigateur
client-program = Programme
client-this = Celui-ci
client-connected = Connecté
client-away = Absent

# Comptes
accounts-filter = Identifiant ou nom…
accounts-none = Aucun compte ne correspond. Effacez le filtre, ou créez-en un avec « Nouveau compte ».
account-new = Nouveau compte
account-new-help = Un mot de passe à usage unique est créé et montré une fois ; il devra être changé à la première connexion.
account-create = Créer le compte
account-active = Actif
account-disabled = Désactivé
account-disable = Désactivé : ne peut pas se connecter, et ses jetons sont refusés
account-more = Autres actions
account-delete = Supprimer le compte
account-delete-help = Supprime le compte et tout ce qui lui appartient : travaux non épinglés, salles, clés, liens, et ses fichiers avec leurs instantanés. C’est irréversible. Le journal garde ce qu’il a fait.
account-delete-confirm = Le compte { $login } et tout ce qui lui appartient seront supprimés. C’est irréversible.
account-deleted = Le compte et tout ce qui lui appartenait sont supprimés.
login-help = Lettres a à z, chiffres, et . _ @ - après le premier caractère.
one-time-made = Le mot de passe à usage unique de { $login }. Transmettez-le maintenant : il ne sera plus montré.
reset = Réinitialiser le mot de passe
reset-help = Crée un mot de passe à usage unique ; les sessions du compte prennent fin.
reset-confirm = { $login } ne pourra plus se connecter avec le mot de passe actuel.

# Établissements
tenants-help = Un établissement est une faculté ou une équipe de cours : ce que fait l’un, l’autre ne le voit pas.
tenant-name = Nom court
tenant-title = Titre
tenant-title-of = Titre de { $name }
tenant-create = Créer l’établissement
tenant-saved = Enregistré.
tenant-deleted = L’établissement est supprimé.
tenant-delete-confirm = L’établissement { $name } sera supprimé.

# Journal
journal-none = Rien de tel n’a encore été fait. Ce que chacun modifie apparaît ici.

# Problèmes en page
problem-title-400 = Cela ne va pas
problem-title-401 = Connectez-vous d’abord
problem-title-403 = Non autorisé
problem-title-404 = Introuvable
problem-title-405 = Non autorisé ici
problem-title-409 = Cela ne convient pas
problem-title-413 = Trop grand
problem-title-415 = Un autre format est attendu
problem-title-429 = Trop souvent
problem-title-500 = Quelque chose s’est mal passé
problem-title-503 = Pas pour l’instant
problem-title-507 = Plus de place
problem-home = Vers la page d’accueil
problem-quote = Si vous demandez de l’aide, citez { $id }.

# Problèmes
problem-not-signed-in = Connectez-vous d’abord, ou envoyez un jeton d’API.
problem-token-invalid = Le jeton d’API est inconnu, expiré ou révoqué.
problem-token-scope = Ce jeton ouvre autre chose, et pas ceci.
problem-sign-in-wrong = L’identifiant ou le mot de passe est faux.
problem-too-many-sign-ins = { $minutes ->
    [one] Trop de mots de passe faux ; réessayez dans { $minutes } minute.
   *[other] Trop de mots de passe faux ; réessayez dans { $minutes } minutes.
 }
problem-role-needed = Il faut pour cela le rôle { $role }.
problem-route-closed = Cette adresse n’est ouverte à personne.
problem-password-change-needed = Choisissez d’abord votre propre mot de passe.
problem-cross-site = La requête venait d’un autre site.
problem-csrf = La page était trop ancienne ou venait d’ailleurs ; rechargez-la et recommencez.
problem-not-found = Il n’y a rien ici sous ce nom.
problem-method-not-allowed = Cette adresse n’accepte pas cette méthode.
problem-exists-already = Quelque chose existe déjà sous ce nom.
problem-changed-meanwhile = Quelqu’un d’autre l’a changé entre-temps ; regardez à nouveau.
problem-database-unavailable = La base de données est injoignable pour l’instant ; rien n’a été changé, réessayez dans un moment.
problem-bug = Quelque chose s’est mal passé de notre côté ; c’est noté.
problem-too-slow = Cela a pris trop de temps et a été abandonné ; réessayez.
problem-body-too-large = Le corps est trop grand ; au plus { $limit } octets sont acceptés ici.
problem-body-broken = Le corps s’est terminé avant d’être complet.
problem-unsupported-type = Envoyez le corps avec l’en-tête Content-Type : { $wanted }.
problem-json-broken = Le corps n’est pas du JSON valide : { $detail }.
problem-unknown-field = Il n’y a pas de champ { $name } ici.
problem-missing-field = Le champ { $name } manque.
problem-invalid-field = Un champ ne va pas : { $detail }.
problem-invalid-query = La requête ne va pas : { $detail }.
problem-form-invalid = Le formulaire est illisible : { $detail }.
problem-limit-invalid = Une page compte de 1 à 200 éléments.
problem-idempotency-key-invalid = Une Idempotency-Key compte de 1 à 200 caractères ASCII imprimables.
problem-idempotency-key-reused = Cette Idempotency-Key a servi pour une autre requête ; prenez-en une nouvelle.
problem-request-in-progress = La première requête avec cette clé est encore en cours.
problem-secret-shown-once = C’est déjà fait ; le secret a été montré une fois et n’est pas gardé. Supprimez-le et créez-en un autre.
problem-topic-refused = Il n’y a pas de sujet { $topic } pour vous.
problem-topics-wrong = Demandez de 1 à 32 sujets : /events?topic=NOM.
problem-login-invalid = Un identifiant compte de 1 à 64 caractères : lettres a à z, chiffres, et . _ @ - après le premier.
problem-login-taken = Quelqu’un a déjà cet identifiant.
problem-text-invalid = Un nom compte de 1 à 100 caractères et tient sur une ligne.
problem-password-too-short = Un mot de passe compte au moins 10 caractères.
problem-password-too-long = Un mot de passe compte au plus 256 caractères.
problem-password-is-login = Le mot de passe ne doit pas être l’identifiant.
problem-password-wrong = Ce n’est pas le mot de passe actuel.
problem-password-same = Le nouveau mot de passe est l’actuel.
problem-password-differs = Les deux nouveaux mots de passe diffèrent.
problem-role-unknown = Ce rôle n’existe pas.
problem-account-not-found = Ce compte n’existe pas.
problem-last-admin = C’est le dernier administrateur qui peut se connecter ; créez-en d’abord un autre.
problem-tenant-not-found = Cet établissement n’existe pas.
problem-tenant-name-invalid = Le nom d’un établissement compte de 1 à 64 caractères : lettres a à z, chiffres, et - après le premier.
problem-tenant-name-taken = Un autre établissement a ce nom.
problem-tenant-not-empty = Des comptes appartiennent à cet établissement ; déplacez-les ou supprimez-les d’abord.
problem-token-not-found = Ce jeton n’existe pas.
problem-token-days-invalid = Un jeton vit de 1 à 3650 jours.
problem-too-many-tokens = Vous avez 100 jetons ; supprimez-en un d’abord.
problem-client-not-found = Ce client n’existe pas.
