# Les pages du laboratoire : navigation, expériences, nœuds, état, règles, et les raisons d’un refus.

nav-lab = Laboratoire
nav-lab-overview = Vue d’ensemble
nav-lab-new = Nouvelle expérience
nav-nodes = Nœuds
nav-status = État
nav-policy = Règles

# Listes et formulaires
lab-overview-title = Expériences
lab-new = Nouvelle expérience
lab-new-title = Nouvelle expérience
lab-scope = Expériences de qui
lab-scope-all = Toutes
lab-scope-class = Classe
lab-scope-mine = Les miennes
lab-scope-pinned = Épinglées
lab-filter = Filtrer
lab-filter-text = Nom, commande…
lab-any-tool = Tous les outils
lab-any-node = Tous les nœuds
lab-any-status = Tous les états
lab-pinned = Épinglée
lab-name = Nom
lab-tool = Outil
lab-node = Nœud
lab-owner = Propriétaire
lab-status = État
lab-age = Âge
lab-actions = Actions
lab-view = Voir
lab-view-name = Voir { $name }
lab-delete = Supprimer
lab-delete-name = Supprimer { $name }
lab-delete-sure = « { $name } » sera supprimée, avec tout ce qu’elle a affiché. C’est irréversible.
lab-newer = plus récentes
lab-older = plus anciennes
lab-pages = Pages de la liste
lab-fresh-one = %n nouvelle
lab-fresh-other = %n nouvelles
lab-nothing-found = Aucune expérience ne correspond.
lab-show-all = Montrer toutes les expériences
lab-search-other = Chercher ceci dans les programmes
lab-empty-title = Mettez le réseau à l’épreuve
lab-empty-text = Une expérience lance un outil réseau, comme ping, traceroute ou iperf3, sur un nœud de ce laboratoire, et garde ce qu’il a affiché. Les exemples épinglés par vos enseignants et vos propres expériences apparaissent ici.
lab-empty-cli = Ou depuis un terminal :
lab-copy = Copier
lab-download = Télécharger
lab-save = Enregistrer
lab-destination = Destination
lab-destination-host = Un nom d’hôte, une adresse ou le nom d’un nœud, par exemple example.org ou 192.0.2.1.
lab-destination-host-port = Un nom d’hôte, une adresse ou le nom d’un nœud, par exemple example.org ; un port peut suivre, comme dans 192.0.2.1:443.
lab-destination-url = Une adresse web, par exemple https://example.org/.
lab-destination-name = Le nom de domaine sur lequel interroger, par exemple example.org, ou une adresse dont on demande le nom.
lab-node-any = Le moins chargé
lab-node-help = { $count ->
    [0] Aucun nœud actif n’a cet outil en ce moment ; l’expérience en attendrait un.
    [one] Un nœud est actif et a cet outil. Laissez vide pour que le laboratoire choisisse.
   *[other] { $count } nœuds sont actifs et ont cet outil. Laissez vide pour que le laboratoire choisisse le moins chargé.
 }
lab-node-load = { $running } places prises sur { $slots }
lab-options = Options
lab-form-range = De { $min } à { $max } { $unit }.
lab-form-open = Sans choix
lab-form-default = Par défaut ({ $value })
lab-form-show-options = Montrer les options de cet outil
lab-name-help = Pour la retrouver dans la liste ; laissé vide, la ligne de commande.
lab-run = Lancer
lab-cancel-form = Annuler
lab-same-cli = La commande équivalente dans un terminal
lab-same-api = La même par un appel de l’API

unit-packets = paquets
unit-s = secondes
unit-bytes = octets
unit-hops = sauts
unit-streams = flux
unit-bit-s = bit/s
unit-jobs = expériences et programmes
unit-mib = Mio
unit-processes = processus
unit-kib = Kio
unit-runs = exécutions

# Une expérience
job-status-waiting = en attente
job-status-running = en cours
job-status-cancelling = en cours d’annulation
job-status-completed = terminée
job-status-error = erreur
job-status-cancelled = annulée
job-place = { $place ->
    [1] 1re dans la file
   *[other] { $place }e dans la file
 }
job-exited = terminée, code de retour { $code }
job-again = Relancer
job-again-help = La même chose encore une fois, comme une nouvelle exécution avec son propre identifiant ; celle-ci reste telle quelle.
job-id = Identifiant
job-change = Relancer autrement
job-cancel = Annuler
job-retry = Réessayer
job-retry-help = Une nouvelle tentative de cette même exécution : elle garde son identifiant, son nom et sa page, et les tentatives d’avant restent ci-dessous.
job-keep = Garder dans mes fichiers
job-pin = Épingler
job-unpin = Désépingler
job-rename = Modifier le nom
job-command = Commande
job-arguments = Arguments
job-arguments-none = aucun ; les valeurs par défaut de l’outil
job-return = Code de retour
job-created = Créée
job-started = Commencée
job-completed = Terminée
job-took = (durée : { $seconds } s)
job-output = Sortie
job-output-search = Chercher dans la sortie
job-output-wrap = Retour à la ligne
job-output-copy = Copier { $stream }
job-output-download = Télécharger { $stream }
job-output-none = Elle n’a rien affiché.
job-output-noscript = La sortie apparaît ici quand l’exécution est terminée ; rechargez alors la page. Ou téléchargez-la.
job-output-attempt = Tentative %n
job-output-dropped = Les lignes plus anciennes ne sont pas montrées ici ; elles sont dans le téléchargement.
job-output-new-one = ↓ %n nouvelle ligne
job-output-new-other = ↓ %n nouvelles lignes
job-output-hit-one = %n ligne
job-output-hit-other = %n lignes
job-output-lost = La liaison est perdue ; la sortie reprendra dès qu’elle sera rétablie.
job-output-line = Ligne %n
job-output-compile = compilateur
job-attempts = Tentatives
job-attempt = Tentative
job-role = Rôle
job-role-near = mesure
job-role-far = autre extrémité
run-status-waiting = en attente
run-status-leased = confiée au nœud
run-status-running = en cours
run-status-exited = terminée
run-status-failed = échouée
run-status-lost = perdue avec son nœud
run-status-cancelled = annulée

reason-node-down = nœud en panne
reason-node-gone = nœud retiré
reason-node-lost = le nœud a été perdu pendant l’exécution
reason-too-busy = trop occupé, revenez plus tard
reason-wall-time = l’exécution a duré plus longtemps que permis et a été arrêtée
reason-output-cap = l’affichage a dépassé ce qui est permis et l’exécution a été arrêtée
reason-not-started = l’exécution n’a pas pu être lancée sur le nœud
reason-name-unknown = le nom de la destination n’a pas d’adresse sur le nœud
reason-forbidden = la destination se trouve dans un réseau que ce laboratoire refuse
reason-far-end = l’autre extrémité de la mesure n’a pas pu être lancée
reason-compile = le programme n’a pas pu être compilé
reason-cpu-time = le programme a utilisé plus de temps processeur que permis et a été arrêté
reason-memory = le programme a utilisé plus de mémoire que permis et a été arrêté
reason-processes = le programme a échoué après avoir demandé plus de processus que permis
reason-file-size = le programme a écrit un fichier plus grand que permis et a été arrêté
reason-blocked-call = le programme a fait un appel système interdit à tous et a été arrêté
reason-uncontained = rien sur le nœud n’isolerait le programme, et son opérateur ne l’autorise pas

# Ce qu’un nœud dit de la fin d’une exécution
detail-compiling = à la compilation : { $what }
detail-wall-time = arrêté après { $seconds } s
detail-output-cap = l’affichage a dépassé { $size }
detail-memory = plus de { $size } de mémoire ont été utilisés
detail-cpu-time = plus de { $seconds } s de temps processeur ont été utilisées
detail-processes = plus de { $count } processus et fils d’exécution ont été demandés
detail-file-size = un fichier de plus de { $size } a été écrit
detail-blocked-call = un appel système interdit à tout programme a été fait
detail-memory-node = plus de mémoire a été utilisée que ce nœud n’en a pour cela
detail-cpu-time-node = plus de temps processeur a été utilisé que ce nœud n’en a pour cela
detail-processes-node = plus de processus et de fils d’exécution ont été demandés que ce nœud n’en a pour cela
detail-file-size-node = un fichier de plus d’octets a été écrit que ce nœud n’en a pour cela
detail-sandbox = le bac à sable du nœud s’est arrêté pendant l’exécution
detail-signal = terminé par le signal { $signal }
detail-agent = l’agent a été arrêté
detail-no-programs = ce nœud ne prend pas de programmes
detail-uncontained = rien ne contiendrait un programme sur ce nœud

# Nœuds
nodes-title = Nœuds
nodes-empty-title = Pas encore de nœud
nodes-empty-text = Un nœud est une machine qui exécute les expériences et les programmes. Il lui faut le programme amphi, les outils réseau, et un accès sortant vers cette adresse.
nodes-empty-ask = Un opérateur de ce laboratoire peut en ajouter un.
node-name = Nom
node-health = Santé
node-state = État
node-runs = Exécutions
node-labels = Étiquettes
node-tools = Outils
node-addresses = Adresses
node-last-seen = Vu
node-load = { $running } sur { $slots }
node-load-capped = { $running } sur { $slots } (l’agent en permet { $allowed })
node-health-up = actif
node-health-suspect = en retard
node-health-down = en panne
node-state-enabled = en service
node-state-cordoned = isolé
node-state-disabled = hors service
node-enable = Mettre en service
node-cordon = Isoler
node-disable = Mettre hors service
node-states-help = Un nœud isolé finit ses exécutions et n’en prend pas de nouvelles. Un nœud hors service abandonne aussi les siennes.
node-uid = UID
node-hostname = Nom d’hôte
node-os = Système d’exploitation
node-kernel = Noyau
node-cores = Processeurs
node-memory-label = Mémoire
node-memory = { $gib } Gio
node-agent = Agent
node-created = Ajouté
node-version = Version
node-programs = Les programmes sont isolés par
node-programs-no = Il ne prend pas de programmes.
node-programs-uncontained = Rien : les programmes ne sont pas isolés.
node-no-tools = Aucun outil n’y a été trouvé. Installez-en, par exemple iputils-ping ou traceroute ; l’agent les trouve à son démarrage.
node-mounts = Montages
node-mounts-change = Monter un export ici
node-administer = Réglages
node-name-help = De 1 à 63 lettres minuscules, chiffres et tirets. Il peut servir de destination.
node-slots = Places
node-slots-help = Exécutions simultanées ; l’agent lui-même en permet { $slots }.
node-slots-number = Le nombre de places est un entier, de 1 à 1 024.
node-labels-help = Une par ligne, clé=valeur. Une expérience peut demander un nœud par ses étiquettes.
node-labels-form = Écrivez chaque étiquette sur sa propre ligne sous la forme clé=valeur, par exemple site=paris.
node-remove = Retirer le nœud
node-remove-help = Son agent est prié de ne pas revenir. Ce qui y a tourné garde ses résultats.
node-remove-sure = Le nœud { $name } sera retiré. Pour revenir, il devra s’inscrire avec un nouveau jeton.
node-new = Ajouter un nœud
node-new-title = Ajouter un nœud
node-new-text = Un nœud est une machine Linux quelconque qui peut joindre cette adresse ; rien ne doit joindre le nœud.
node-new-step-install = Installez-y le programme amphi, et les outils qu’il doit offrir : iputils-ping, traceroute, mtr-tiny, iperf3, bind9-dnsutils, curl, openssl, iputils-tracepath.
node-new-step-command = Lancez-y la commande ci-dessous. Elle échange le jeton contre un certificat propre au nœud et reste connectée.
node-new-step-appears = Le nœud apparaît dans la liste en moins d’une seconde, avec les outils qui y ont été trouvés.
node-new-local = Les autres machines n’atteignent pas { $url }. Lancez « amphi serve » avec une adresse « listen » et une « public_url » qu’elles atteignent, et créez le jeton là.
node-new-options = Ajoutez --name pour l’appeler autrement que son nom d’hôte, --slots pour le nombre d’exécutions simultanées, --label site=paris pour des étiquettes.
node-new-watch = Le voir apparaître dans la liste des nœuds
node-token-valid = Durée de validité de la commande
node-token-hour = une heure
node-token-day = un jour
node-token-week = une semaine
node-token-make = Créer la commande
node-token-once = La commande n’est montrée que cette fois et inscrit un seul nœud, jusqu’au { $time }.

# État
status-title = État
status-up = Tout fonctionne
status-degraded = Des nœuds sont en panne
status-down = Aucun nœud n’est actif
status-waiting = En attente
status-running = En cours
status-runs = { $count ->
    [one] { $count } exécution
   *[other] { $count } exécutions
 }
status-at = Relevé
status-json = Le même en JSON
status-metrics = Métriques (pour les opérateurs)
status-no-nodes = Il n’y a pas de nœud.

# Règles
policy-title = Règles
policy-account-waiting-max = Expériences et programmes en attente d’un apprenant
policy-account-waiting-max-help = Au-delà, ils sont refusés jusqu’à ce que l’un finisse. Les enseignants ne sont pas comptés.
policy-account-hourly-max = Expériences et programmes d’un apprenant en une heure
policy-account-hourly-max-help = Au-delà, ils sont refusés jusqu’à la fin de l’heure. Un lot compte pour un. Les enseignants ne sont pas comptés.
policy-account-elements-max = Éléments de lots d’un apprenant
policy-account-elements-max-help = Autant peuvent attendre, et autant être soumis en une heure. Les enseignants ne sont pas comptés.
policy-in-flight-max = Exécutions simultanées, sur tous les nœuds
policy-in-flight-max-help = Au-delà, elles attendent dans la file.
policy-starts-per-minute-max = Lancements en une minute, par chaque réplique
policy-starts-per-minute-max-help = Au-delà, ils attendent dans la file.
policy-waiting-max-s = Attente la plus longue
policy-waiting-max-s-help = Ce qui a attendu plus longtemps finit en « trop occupé ».
policy-refused-networks = Réseaux refusés
policy-refused-networks-help = Personne ne peut les viser. Un par ligne, par exemple 10.0.0.0/8 ou 2001:db8::/32. Les adresses de lien local sont refusées de toute façon ; la boucle locale aussi, sauf si ce plan de contrôle la permet, comme « amphi up ».
policy-refused-names = Noms refusés
policy-refused-names-help = Personne ne peut les viser. Un par ligne, par exemple www.example.org ou *.example.org.
policy-programs-cpu-s = Temps processeur d’un programme
policy-programs-cpu-s-help = Pour tous ses processus ensemble. Un langage peut demander moins, ici et plus bas.
policy-programs-wall-s = Durée d’un programme
policy-programs-wall-s-help = De son début à sa fin.
policy-programs-memory-mib = Mémoire d’un programme
policy-programs-memory-mib-help = Pour tous ses processus ensemble, avec les fichiers qu’il écrit.
policy-programs-processes = Processus d’un programme
policy-programs-processes-help = En même temps ; les fils d’exécution comptent.
policy-programs-file-mib = Plus grand fichier d’un programme
policy-programs-file-mib-help = Ce qu’il écrit au-delà est refusé.
policy-programs-output-kib = Affichage d’un programme
policy-programs-output-kib-help = Un programme qui affiche plus est arrêté.
policy-programs-network = Les programmes peuvent utiliser le réseau de leur nœud
policy-programs-network-help = Sinon un programme n’atteint rien d’autre que lui-même.
policy-number = Écrivez un nombre entier.
policy-network = « { $text } » n’est pas un réseau. Écrivez une adresse et une longueur de préfixe, par exemple 10.0.0.0/8 ou 2001:db8::/32.
policy-name = « { $text } » n’est pas un motif de nom. Écrivez un nom d’hôte, ou *. et un domaine, par exemple *.example.org.
policy-range = Écrivez un nombre entier de 1 à { $max }.
policy-too-many = { $count } lignes, c’est trop ; 1 000 au plus sont permises.

# Ce qui a été fait
lab-flash-submitted = L’expérience a été soumise.
lab-flash-cancelled = L’expérience est en cours d’annulation.
lab-flash-retried = Une autre tentative de l’expérience a été soumise.
flash-kept = Ce qu’il a affiché est dans vos fichiers.
flash-renamed = Le nom a été changé.
lab-flash-pinned = L’expérience est épinglée ; toute la classe la voit.
lab-flash-unpinned = L’expérience n’est plus épinglée.
lab-flash-deleted = L’expérience a été supprimée.
flash-node-enabled = Le nœud est en service.
flash-node-cordoned = Le nœud est isolé : il finit ses exécutions et n’en prend pas de nouvelles.
flash-node-disabled = Le nœud est hors service.
flash-node-saved = Le nœud a été modifié.
flash-node-removed = Le nœud a été retiré.
flash-node-busy = Le nœud a encore des exécutions. Isolez-le et attendez leur fin, ou mettez-le d’abord hors service.
flash-policy-saved = Les règles ont été changées ; elles valent pour ce qui est soumis à partir de maintenant.

# Raisons d’un refus
problem-name-too-long = Le nom a { $length } caractères ; 120 au plus sont permis.
problem-name-control = Le nom contient un caractère de contrôle, comme un saut de ligne ; écrivez-le sur une ligne de texte simple.
problem-node-name = « { $name } » n’est pas un nom de nœud. Utilisez de 1 à 63 lettres minuscules, chiffres et tirets, sans tiret aux extrémités, par exemple lab-a.
problem-policy = Une valeur des règles n’est pas acceptable.
problem-request = La valeur de ce champ n’est pas acceptable.
problem-node-unknown = Il n’y a pas de nœud « { $node } ». La liste des nœuds montre ceux qui existent.
problem-node-down = { $node } est en panne (vu pour la dernière fois il y a { $ago }). Choisissez un autre nœud, ou laissez le choix au laboratoire.
problem-node-out = { $state ->
    [cordoned] { $node } est isolé : il ne prend pas de nouvelles exécutions. Choisissez un autre nœud, ou laissez le choix au laboratoire.
   *[disabled] { $node } est hors service : il ne prend pas d’exécutions. Choisissez un autre nœud, ou laissez le choix au laboratoire.
 }
problem-no-node-with-tool = Aucun nœud n’a { $tool }. Un opérateur peut l’installer sur un nœud, ou en ajouter un qui l’a.
problem-no-node-with-language = Aucun nœud n’a { $language }. Langages disponibles : { $languages }. Un opérateur peut l’installer sur un nœud.
problem-no-input = Le programme ne prend pas d’entrée : il ne tourne pas, ou trop d’entrées l’attendent.
problem-no-node-with-labels = Aucun nœud ayant { $tool } ne porte { $labels }. Voyez la liste des nœuds pour leurs étiquettes.
problem-node-lacks-tool = { $node } n’a pas { $tool }. Il a : { $tools }.
problem-too-many-waiting = { $waiting } de vos expériences et programmes attendent déjà, sur { $max } permis. Attendez que l’un finisse, ou annulez-en un.
problem-too-many-streams = { $max } flux en direct d’un même compte sont servis à la fois. Fermez-en, puis revenez.
problem-streams-full = Le nombre d’exécutions suivies en direct a atteint sa limite. Réessayez dans un instant.
problem-too-many-hourly = { $max } expériences et programmes par heure sont permis, et vous en avez soumis autant. Revenez plus tard.
problem-batch-too-large = Le lot a { $count } éléments ; l’un de vos lots peut en avoir { $max }. Divisez-le.
problem-no-node-up = Aucun nœud ayant { $tool } n’est disponible. Redemandez quand il y en aura un.
problem-too-many-elements = { $waiting } éléments de vos lots attendent déjà, sur { $max } permis. Soumettez-en moins, ou attendez que certains aient été exécutés.
problem-too-many-elements-hourly = { $max } éléments de lots sont permis par heure ; vous en avez soumis { $submitted }. Soumettez-en moins, ou revenez plus tard.
problem-batch-size = Un lot a de 1 à { $max } éléments ; divisez ce qui est plus grand.
problem-batch-reversed = De { $from } à { $to } il n’y a aucun élément. Écrivez d’abord le plus petit indice.
problem-policy-changed = Quelqu’un d’autre a modifié les règles depuis que vous les avez lues. Relisez-les.
problem-batch-open = Le lot n’est pas fini. Annulez-le d’abord.
problem-batch-pinned = { $pinned ->
    [one] Un élément du lot est épinglé pour la classe. Désépinglez-le d’abord.
   *[other] { $pinned } éléments du lot sont épinglés pour la classe. Désépinglez-les d’abord.
 }
problem-batch-unknown = Il n’y a pas de lot portant cet identifiant, ou il n’est pas à vous.
problem-batch-over = Le lot est fini ; il n’y a rien à annuler.
problem-job-unknown = Il n’y a ni expérience ni programme portant cet identifiant, ou ce n’est pas à vous.
problem-job-of-another = Seuls son propriétaire ou un opérateur peuvent faire cela.
problem-job-open = Ce n’est pas fini. Annulez d’abord.
problem-nothing-kept = Il n’y a pas ici de place où garder des fichiers.
problem-job-over = C’est fini ; il n’y a rien à annuler.
problem-not-retryable = Seul ce qui a fini en erreur ou a été annulé peut être réessayé.
problem-key-taken-over = Une répétition de cette requête est en cours. Demandez de nouveau avec la même Idempotency-Key.
problem-idempotency-reused = Cette Idempotency-Key a servi pour une autre requête. Utilisez une nouvelle clé pour une nouvelle requête.
problem-cursor = Ce curseur de page ne vient pas de cette liste. Recommencez sans lui.
problem-join-token = Le jeton d’inscription est inconnu, a déjà servi, ou a expiré. Créez-en un nouveau.
problem-old-protocol = L’agent parle une autre version du protocole. Installez la même version d’amphi des deux côtés.
problem-certificate-request = La demande de certificat est illisible. Inscrivez le nœud avec un agent amphi non modifié.
problem-node-name-taken = Un autre nœud s’appelle déjà « { $name } ». Choisissez un autre nom.
problem-node-busy = { $node } a encore { $running } exécutions. Isolez-le et attendez leur fin, ou mettez-le d’abord hors service.
