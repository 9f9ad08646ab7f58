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
files-shared = Avec ce lien, on peut télécharger le fichier pendant sept jours sans se connecter :
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

# Tailles
size-bytes = { $count ->
    [one] { $count } octet
   *[other] { $count } octets
 }
size-kb = { $count } ko
size-mb = { $count } Mo
size-gb = { $count } Go
size-tb = { $count } To

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
volume-rebuilding = { $left } bandes à reconstruire
flash-volume-made = Le volume a été créé.
alert-degraded = Volume { $volume } : { $count ->
    [one] il manque une unité à une bande
   *[other] il manque des unités à { $count } bandes
 }. Elles seront reconstruites si leur dépôt reste absent.
alert-risk = Volume { $volume } : { $count ->
    [one] une bande ne peut
   *[other] { $count } bandes ne peuvent
 } plus rien perdre. Remettez un dépôt en service, ou ajoutez-en un.
alert-lost = Volume { $volume } : { $count ->
    [one] une bande est illisible
   *[other] { $count } bandes sont illisibles
 } tant qu’un dépôt n’est pas revenu.
stores-title = Dépôts
stores-empty = Aucun nœud n’offre de dépôt. Un dépôt est un répertoire qu’un agent met à disposition :
store-id = Nº
store-node = Nœud
store-name = Nom
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
