# Les lots : leurs listes, la page de chacun, et comment on les demande.

nav-batches = Lots

# Les listes
batch-list-title = Lots
batch-progress = Avancement
batch-newest = les plus récents
batch-over = { $count ->
    [one] { $over } sur { $count } fini
   *[other] { $over } sur { $count } finis
 }
batch-status-waiting = en attente
batch-status-running = en cours
batch-status-completed = terminé
batch-status-cancelled = annulé
batch-completed-failed = { $count ->
    [one] terminé, { $count } échec
   *[other] terminé, { $count } échecs
 }
batch-created = Créé
batch-completed = Terminé
batch-failed-of = { $count ->
    [one] { $count } échec
   *[other] { $count } échecs
 }
batch-empty-title = La même chose, plusieurs fois
lab-batch-empty = Un lot exécute une expérience plusieurs fois, vers plusieurs destinations ou sur chaque nœud, et compte ce qu’il en est advenu. Remplissez une expérience et ouvrez « En série ».
program-batch-empty = Un lot exécute un programme pour plusieurs nombres, arguments ou entrées, ou sur chaque nœud, et compte ce qu’il en est advenu. Écrivez un programme et ouvrez « En série ».

# Un lot
batch-number = { $count }
batch-done = réussis
batch-cancelled = annulés
job-status-failed = en échec
batch-rate-second = { $count } par seconde
batch-rate-minute = { $count } par minute
batch-left-seconds = encore { $count } s environ
batch-left-minutes = encore { $count } min environ
batch-left-hours = encore { $count } h environ
batch-failures = Premiers échecs
batch-failures-all = { $count ->
    [one] Le seul échec
   *[other] Les { $count } échecs
 }
batch-stranded = Son nœud a été retiré : les éléments qui n’avaient pas démarré ont échoué.
batch-waits-node-out = Il attend : { $node } est { $state ->
    [cordoned] isolé
   *[disabled] hors service
 } et ne prend plus d’exécutions tant qu’un opérateur ne le réactive pas.
batch-waits-node-down = Il attend : { $node } est en panne.
batch-waits-no-node = Il attend : aucun nœud capable de l’exécuter n’est disponible.
batch-gone = Ce lot a été supprimé.
batch-back = Retour aux lots
batch-elements = Éléments d’un lot
batch-elements-newest = Éléments les plus récents
batch-elements-all = Tous les éléments
batch-elements-none = Aucun nœud n’a encore pris d’élément.
batch-element = Lot
batch-element-of = élément { $index }
batch-cancel-sure = Le lot « { $name } » sera annulé. { $waiting ->
    [0] Aucun élément n’attend plus de démarrer.
    [one] Le seul élément en attente ne démarrera plus.
   *[other] Les { $waiting } éléments en attente ne démarreront plus.
 } { $running ->
    [0] Aucun ne s’exécute maintenant.
    [one] Le seul qui s’exécute sera arrêté.
   *[other] Les { $running } qui s’exécutent seront arrêtés.
 } { $over ->
    [0] Aucun n’est encore fini.
    [one] Le seul qui est fini garde son résultat.
   *[other] Les { $over } qui sont finis gardent leurs résultats.
 }
batch-again-sure = Le lot « { $name } » sera relancé comme un nouveau lot : { $count ->
    [one] son élément sera soumis encore une fois.
   *[other] ses { $count } éléments seront tous soumis encore une fois.
 }
batch-again-help = La même chose encore une fois, comme un nouveau lot avec son propre identifiant ; celui-ci reste tel quel.
batch-element-output = Sortie
batch-delete-sure = Le lot « { $name } » sera supprimé, avec { $count ->
    [one] son élément et ce qu’il a affiché.
   *[other] ses { $count } éléments et ce qu’ils ont affiché.
 }
flash-batch-submitted = Le lot est soumis.
flash-batch-cancelled = Le lot est en cours d’annulation.
flash-batch-deleted = Le lot est supprimé.
flash-batch-pinned = Des éléments du lot sont épinglés pour la classe. Désépinglez-les d’abord.

# En demander un
many-title = En série
many-how = Exécuter
many-once = une fois
many-times = plusieurs fois
many-destinations = vers d’autres destinations aussi
many-nodes = sur chaque nœud
many-array = pour chaque nombre
many-lines = pour chaque ligne d’arguments
many-inputs = pour chaque ligne d’entrée
many-inputs-label = Entrées, une ligne par exécution
many-inputs-help = Chaque exécution lit sa ligne sur l’entrée standard.
many-count = Combien de fois
many-count-help = Jusqu’à 100 000 fois.
many-more = Autres destinations
many-more-help = Une par ligne. Celle du dessus est la première ; si elle est vide, la première de celles-ci.
many-nodes-help = Une fois sur chaque nœud qui le peut en ce moment.
many-from = De
many-to = À
many-array-help = Le nombre remplace {"{"}index{"}"} dans les arguments, et se trouve dans la variable d’environnement AMPHI_INDEX.
many-lines-label = Arguments, une ligne par exécution
many-lines-help = Ils s’ajoutent aux arguments ci-dessus, ou y remplacent {"{"}1{"}"}, {"{"}2{"}"} …
