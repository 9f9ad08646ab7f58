# Fichiers, volumes et dépôts.

nav-files = Fichiers
nav-volumes = Volumes

# Espaces de noms
files-title = Fichiers
files-none-title = Aucun fichier pour l’instant
files-none-operator = Un volume répartit les fichiers sur les dépôts de vos nœuds, de sorte que plusieurs puissent se perdre. Créez-en d’abord un.
files-none-learner = Vous n’avez pas encore de place pour vos fichiers. Demandez-en à votre enseignant ou à un opérateur.
space-name = Nom
space-used = Occupé
space-inodes = Entrées
space-volume = Volume
space-of = { $used } sur { $limit }

nav-spaces = Exports
nav-shares = Liens partagés
nav-s3-keys = Clés S3
space-above = { $used } sont occupés, plus que la limite souple de { $limit }. Supprimez des fichiers, ou demandez davantage à un opérateur.

# Instantanés, liens, clés
snapshots-title = Instantanés
snapshots-help = Un instantané est tout cet export tel qu’il était à un moment. Il ne prend pas de place tant que les fichiers ne changent pas.
snapshot-name = Nom de l’instantané
snapshot-take = Prendre un instantané
snapshot-taken = Pris
snapshot-restore = Restaurer
snapshot-restore-confirm = Mettre l’instantané « { $name } » à la place de tout ce que contient { $export } ? Ce qui a changé depuis sera perdu.
snapshot-remove-confirm = Supprimer l’instantané « { $name } » de { $export } ?
flash-snapshot-taken = L’instantané a été pris.
flash-snapshot-restored = L’instantané a été restauré.
flash-snapshot-removed = L’instantané a été supprimé.
shares-title = Liens partagés
shares-help = Avec un de ces liens, on peut télécharger son fichier sans se connecter. Le lien lui-même n’est montré qu’à sa création ; s’il est perdu, créez-en un autre et révoquez celui-ci.
shares-empty-title = Rien n’est partagé
shares-empty-text = Le menu d’un fichier crée un lien valable le nombre de jours que vous choisissez.
shares-file = Fichier
shares-maker = Créé par
shares-made = Créé
shares-until = Valable jusqu’à
share-revoke = Révoquer
share-revoke-confirm = Révoquer le lien vers « { $path } » ? Il ne mènera plus nulle part.
flash-share-revoked = Le lien a été révoqué.
s3-keys-title = Clés S3
s3-keys-help = Les programmes pour S3 signent leurs requêtes avec une clé. Elle permet ce que permet votre compte : les exports sont des seaux (buckets).
s3-key-name = Nom
s3-key-name-help = À quoi elle sert, par exemple « portable ».
s3-key-id = Identifiant de la clé
s3-key-create = Créer une clé
s3-key-made = Copiez-la maintenant : le secret n’est montré que cette fois.
s3-key-revoke-confirm = Révoquer la clé « { $name } » ? Ce qu’elle signe sera refusé.
flash-s3-key-revoked = La clé a été révoquée.

# L’explorateur
files-path = Chemin
files-upload = Téléverser
files-drag = On peut aussi faire glisser des fichiers et des dossiers sur cette page.
files-folder-name = Nom du dossier
files-folder-new = Nouveau dossier
files-empty-title = Ce dossier est vide
files-empty-text = Faites glisser des fichiers ici, cliquez sur Téléverser, ou envoyez-les depuis un terminal :
files-empty-read = Personne n’y a encore rien déposé. Depuis un terminal, ce serait :
files-name = Nom
files-size = Taille
files-changed = Modifié
files-actions = Actions
files-new-name = Nouveau nom
files-rename = Renommer
files-delete = Supprimer
files-delete-confirm = Supprimer « { $name } » ? On ne pourra le retrouver que dans un instantané.
files-delete-folder-confirm = Supprimer le dossier « { $name } » et tout son contenu ? On ne pourra le retrouver que dans un instantané.
files-share = Partager par lien
files-share-days = Durée de validité du lien
files-share-for = { $days ->
    [one] pendant un jour
   *[other] pendant { $days } jours
 }
files-shared = Avec ce lien, on peut télécharger le fichier pendant { $days ->
    [one] un jour
   *[other] { $days } jours
 } sans se connecter. Copiez-le maintenant : il n’est montré que cette fois.
files-filter = Filtrer par nom
files-filter-set = Filtrer
files-filter-part = Le nom contient…
files-filter-begin = Le nom commence par…
files-filter-none = Aucun nom ici ne contient « { $filter } ».
files-filter-none-begin = Aucun nom ici ne commence par « { $filter } ».
files-filter-clear = Tout afficher
files-sort = Trier par
files-range = { $first } à { $last } sur { $count }
files-large = Ce dossier a plus de { $max } entrées : il est présenté par nom seulement, et le filtre trouve les noms qui commencent ainsi.
files-copy = Copier
files-pages = Pages
files-first = Première page
files-more = Suite
upload-waiting = en attente
upload-storing = enregistrement
upload-done = terminé
upload-lost = La connexion a été perdue.
upload-cancel = Annuler
upload-cancelled = annulé
upload-close = Fermer
flash-files-folder = Le dossier a été créé.
flash-files-renamed = L’élément a été renommé.
flash-files-deleted = L’élément a été supprimé.

# Volumes et dépôts
volumes-title = Volumes et dépôts
volumes-empty-title = Aucun volume pour l’instant
volumes-empty-text = Un volume répartit ce qu’on y met sur les dépôts de plusieurs nœuds. Choisissez ci-dessous combien peuvent se perdre.
volume-new = Nouveau volume
volume-name = Nom
volume-layout = Disposition
volume-layout-0 = 0 : sur 3 dépôts, 1 peut se perdre (1,5 × les octets)
volume-layout-1 = 1 : sur 6 dépôts, 2 peuvent se perdre (1,5 × les octets)
volume-layout-2 = 2 : sur 12 dépôts, 4 peuvent se perdre (1,5 × les octets)
volume-layout-short = { $layout } : { $data } sur { $units }
volume-create = Créer
volume-health = Santé
volume-used = Occupé
volume-work = Travail
volume-healthy = sain
volume-degraded = dégradé
volume-risk = en danger
volume-lost = données perdues
volume-away = illisible pour l’instant
volume-away-stores = { $count ->
    [one] Un dépôt est absent ; tout revient avec lui
   *[other] { $count } dépôts sont absents ; tout revient avec eux
 }
volume-rebuilding = { $left } bandes à reconstruire
flash-volume-made = Le volume a été créé.
volume-scrubbed = vérifié
work-rebuild = Reconstruction
work-rebalance = Rééquilibrage
work-scrub = Vérification
work-words = { $what } : { $done } sur { $total }, { $rate }/s
work-words-left = { $what } : { $done } sur { $total }, { $rate }/s, encore { $left }
left-seconds = { $count } s
left-minutes = { $count } min
left-hours = { $count } h
care-rebuild = Reconstruire
care-rebuild-help = Mettre dès maintenant sur d’autres dépôts ce qui se trouve sur des dépôts absents
care-scrub = Vérifier
care-scrub-help = Comparer tout ce qui est conservé à ses sommes de contrôle, et réparer ce qui est abîmé
care-rebalance = Rééquilibrer
care-rebalance-help = Déplacer des données des dépôts les plus pleins vers les plus vides
flash-rebuild = Ce qui manque est reconstruit dès que ses dépôts ont été absents 15 secondes.
flash-scrub = Tout ce qui est conservé est comparé à ses sommes de contrôle.
flash-rebalance = Des données sont déplacées des dépôts les plus pleins vers les plus vides.
rates-title = Allure
rates-help = Reconstruction et vérification laissent disques et réseau à ceux qui travaillent, dans ces limites. Elles valent tout de suite.
rates-rebuild = Reconstruction et rééquilibrage, Mio par seconde
rates-scrub = Vérification, Mio par seconde et par dépôt
rates-set = Fixer
flash-rates = L’allure a été fixée.
alert-degraded = Volume { $volume } : { $count ->
    [one] il manque une unité à une bande
   *[other] il manque des unités à { $count } bandes
 }. Elles seront reconstruites quand leur dépôt aura été absent dix minutes.
alert-at-risk = Volume { $volume } : { $count ->
    [one] une bande ne peut
   *[other] { $count } bandes ne peuvent
 } plus rien perdre. Remettez un dépôt en service, ou ajoutez-en un et reconstruisez.
alert-lost = Volume { $volume } : { $count ->
    [one] une bande est perdue : trop des dépôts qui la contenaient n’existent plus. Reprenez ses fichiers
   *[other] { $count } bandes sont perdues : trop des dépôts qui les contenaient n’existent plus. Reprenez leurs fichiers
 } d’une copie.
alert-away = Volume { $volume } : { $count ->
    [one] une bande est illisible pour l’instant
   *[other] { $count } bandes sont illisibles pour l’instant
 } : { $stores ->
    [one] un dépôt est absent. Tout revient quand il est de nouveau joignable
   *[other] { $stores } dépôts sont absents. Tout revient quand ils sont de nouveau joignables
 }.
alert-cannot-place = Volume { $volume } : rien ne peut être écrit, car { $count ->
    [one] un seul dépôt reçoit
   *[other] { $count } dépôts seulement reçoivent
 } ses données. Remettez des dépôts en service, faites-y de la place, ou ajoutez-en.
alert-damage = Volume { $volume } : { $count ->
    [one] une bande est abîmée et attend
   *[other] { $count } bandes sont abîmées et attendent
 } réparation.
alert-damage-found = Dépôt { $store } : la dernière vérification a trouvé { $count ->
    [one] une unité abîmée. Elle est réparée
   *[other] { $count } unités abîmées. Elles sont réparées
 } à partir des autres. Examinez son disque, et videz le dépôt si cela continue.
alert-exposed = Volume { $volume } : { $count ->
    [one] une bande est illisible
   *[other] { $count } bandes sont illisibles
 } sans un certain nœud. Les unités seront mieux réparties dès que des dépôts d’autres nœuds en reçoivent : activez-les, ou ajoutez-en.
alert-full = Le dépôt { $store } est plein. Ajoutez des dépôts, puis rééquilibrez.
alert-nearly-full = Le dépôt { $store } a moins d’un dixième de place libre. Ajoutez des dépôts, ou supprimez des fichiers et des instantanés.
alert-soft-quota = L’export { $export } dépasse sa limite souple. Supprimez des fichiers, ou relevez la limite.
stores-title = Dépôts
stores-empty = Aucun nœud n’offre de dépôt. Un dépôt est un répertoire, ou un compartiment d’un service compatible S3, qu’un agent met à disposition :
store-id = Nº
store-node = Nœud
store-name = Nom
store-kind = Type
store-kind-node = Répertoire
store-kind-bucket = Compartiment S3
store-state = État
store-fill = Remplissage
store-units = Unités
store-health-up = en service
store-health-suspect = ne répond pas
store-health-down = hors service
store-state-enabled = actif
store-state-cordoned = sans nouvelles données
store-state-disabled = désactivé
store-state-draining = en cours de vidage
store-state-drained = vidé
store-enable = Activer le dépôt
store-cordon = Ne plus rien ajouter au dépôt
store-drain = Vider le dépôt
flash-store-enabled = Le dépôt reçoit de nouveau des données.
flash-store-cordoned = Le dépôt ne reçoit plus de nouvelles données.
flash-store-draining = Le dépôt est en cours de vidage.

# Montages sur les nœuds
mounts-title = Montages sur { $node }
mounts-back = Le nœud
mounts-help = L’agent du nœud garde ces exports montés, avec les droits de qui l’a demandé, et les remonte après un redémarrage.
mounts-none = Rien n’est monté ici pour les opérateurs.
mounts-new = Monter un export
mounts-no-export = Il n’y a pas encore d’export. Créez d’abord un volume.
mounts-export = Export
mounts-directory = Répertoire
mounts-directory-help = Sur le nœud, depuis / ; vide, ou absent : il est alors créé.
mounts-read-only = lecture seule
mounts-mount = Monter
mounts-unmount = Démonter
mount-mounted = monté
mount-failing = non monté
mount-unmounting = en cours de démontage
mount-waiting = en attente du nœud
flash-mount = Le nœud le monte dans un instant.
flash-unmount = Le nœud le démonte dès que tout est enregistré.

# Problèmes, par leurs codes
problem-share-unknown = Ce lien ne mène plus à aucun fichier.
problem-share-days = Un lien est valable de 1 à { $max } jours, pas { $days }.
problem-export-unknown = Il n’y a pas d’export « { $name } », ou il ne vous est pas ouvert.
problem-export-read-only = Vous pouvez lire dans { $name }, mais n’y rien changer.
problem-export-busy = Quelqu’un travaille dans { $export } : { $sessions ->
    [one] une session est ouverte
   *[other] { $sessions } sessions sont ouvertes
 }. Démontez-le d’abord.
problem-export-has-snapshots = { $export } a encore { $snapshots ->
    [one] un instantané. Supprimez-le d’abord.
   *[other] { $snapshots } instantanés. Supprimez-les d’abord.
 }
problem-snapshot-unknown = Il n’y a pas d’instantané « { $name } » de cet export.
problem-snapshots-too-many = Un partage a au plus { $most } instantanés ; supprimez-en un d’abord.
problem-operator-needed = Seul un opérateur peut créer un export. Restaurez sur place, ou adressez-vous à un opérateur.
problem-storage-name = « { $name } » n’est pas un nom. Un nom a de 1 à 63 caractères : a à z, 0 à 9, et entre eux - ou un point.
problem-storage-name-taken = { $name } existe déjà. Choisissez un autre nom.
problem-volume-unknown = Il n’y a pas de volume « { $name } ». La liste des volumes montre ceux qui existent.
problem-volume-has-exports = { $volume } a encore les exports { $exports }. Supprimez-les d’abord.
problem-volume-shared = D’autres ont des exports sur le volume { $volume } ; seuls ceux qui peuvent l’utiliser en entier peuvent donc le monter. Utilisez la page des fichiers, S3, ou amphi volume put -r et get -r.
problem-layout-unknown = Cette disposition n’existe pas. 0 supporte la perte d’un dépôt sur 3, 1 de deux sur 6, 2 de quatre sur 12.
problem-limits = La limite souple dépasserait la limite stricte : personne ne serait jamais averti. Donnez aussi une limite souple plus basse, ou 0 pour aucune.
problem-tenant = Il n’y a pas d’établissement { $name }. Donnez son nom, ou « mine » pour le vôtre.
problem-too-few-stores = La disposition { $layout } demande { $need } dépôts ; avec ces étiquettes, { $have } reçoivent des données en ce moment. Démarrez d’autres agents avec --store.
problem-store-unknown = Il n’y a pas de dépôt { $store }. La liste des dépôts montre ceux qui existent.
problem-store-used = Le dépôt { $store } contient encore des parties de fichiers. Videz-le d’abord.
problem-store-offered = Le dépôt { $store } est encore offert par son nœud, et reviendrait. Retirez-le de l’option --store de l’agent, ou désactivez-le d’abord.
problem-store-offer = Ce que le nœud dit de ses dépôts n’est pas acceptable.
problem-stores-full = Les données ne peuvent être enregistrées : les dépôts sont pleins.
problem-stores-lacking = Les données ne peuvent être enregistrées : trop peu de dépôts les reçoivent en ce moment. Réessayez dans un instant.
problem-too-few-units = Les données sont illisibles : trop peu des dépôts qui les contiennent répondent. Réessayez dans un instant.
problem-ending = Le service s’arrête. Réessayez dans un instant.
problem-exists = Ce nom est déjà pris.
problem-changed = Il y a eu un changement entre-temps ; regardez de nouveau.
problem-quota = Le quota est atteint. Supprimez quelque chose, ou demandez davantage.
problem-read-only = Rien ne peut être changé ici.
problem-stale = La session est finie, ou quelqu’un d’autre travaille là maintenant.
problem-gone = L’export n’existe plus.
problem-invalid = Le changement n’est pas valide : { $fault }.
problem-unavailable = L’export n’est pas joignable en ce moment.
problem-file-unknown = { $path } n’existe pas.
problem-not-a-directory = { $path } n’est pas un dossier.
problem-is-a-directory = { $path } est un dossier.
problem-not-a-file = { $path } n’est pas un fichier.
problem-not-empty = { $path } n’est pas vide.
problem-into-itself = { $path } ne peut être déplacé à l’intérieur de lui-même.
problem-root = Cela ne peut se faire avec le dossier racine.
problem-file-name = « { $name } » ne peut servir de nom. Un nom a de 1 à 255 octets, sans /, et n’est ni . ni ..
problem-path-too-deep = Un chemin a au plus { $max } parties.
problem-file-changed = Le fichier a été modifié ou supprimé pendant sa lecture.
problem-file-too-large = Un fichier a au plus { $max } octets.
problem-too-many-s3-keys = Vous avez 100 clés S3 ; révoquez-en une d’abord.
problem-rate-too-low = À moins de 1 Mio par seconde, l’entretien des données ne finirait pas.
problem-s3-key-not-found = Cette clé S3 n’existe pas.
problem-mount-directory = « { $directory } » n’est pas un répertoire où monter. Il commence par /, a au plus 190 octets, et aucune de ses parties n’est . ou ..
problem-directory-taken = Quelque chose est déjà monté sur { $directory } de ce nœud.
problem-mounts-too-many = Un nœud a au plus { $most } montages.
problem-mount-unknown = Il n’y a pas de tel montage sur ce nœud.
problem-home-lacking = Personne n’a encore de fichiers à soi ici : il n’y a pas de volume « home ». Demandez-en un à un opérateur.
