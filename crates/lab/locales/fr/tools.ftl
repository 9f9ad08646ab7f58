# Outils réseau : noms, aide, options, et les raisons pour lesquelles une expérience est refusée.
# tool-NOM, tool-NOM-help, option-OUTIL-OPTION, option-OUTIL-OPTION-help, problem-CODE

tool-ping = Ping : temps d’aller-retour et pertes
tool-ping-help = Envoie des paquets à un hôte, qui les renvoie. Montre le temps de chacun, et combien se sont perdus.
option-ping-count = Paquets
option-ping-count-help = Nombre de paquets à envoyer.
option-ping-interval = Intervalle
option-ping-interval-help = Secondes entre deux paquets.
option-ping-size = Taille
option-ping-size-help = Octets de données dans chaque paquet ; les en-têtes en ajoutent 28 en IPv4 et 48 en IPv6.
option-ping-timeout = Délai d’attente
option-ping-timeout-help = Secondes pendant lesquelles attendre la dernière réponse.
option-ping-ttl = Durée de vie (TTL)
option-ping-ttl-help = Nombre de routeurs qu’un paquet peut traverser avant d’être jeté.
option-ping-dont-fragment = Ne pas fragmenter
option-ping-dont-fragment-help = Les routeurs ne doivent pas couper un paquet trop grand ; ils le signalent.
option-ping-ip = Version d’IP
option-ping-ip-help = Sans choix, la première adresse du nom est utilisée.

tool-traceroute = Traceroute : le chemin, saut par saut
tool-traceroute-help = Montre les routeurs sur le chemin d’un hôte, et le temps que chacun met à répondre.
option-traceroute-method = Méthode
option-traceroute-method-help = De quoi sont faites les sondes. Les pare-feu en laissent passer certaines et pas d’autres.
option-traceroute-max-hops = Sauts au plus
option-traceroute-max-hops-help = Nombre de routeurs après lequel abandonner.
option-traceroute-probes = Sondes
option-traceroute-probes-help = Nombre de sondes envoyées à chaque routeur.
option-traceroute-wait = Attente
option-traceroute-wait-help = Secondes pendant lesquelles attendre une réponse.
option-traceroute-port = Port
option-traceroute-port-help = Port de destination de chaque sonde, en UDP ou TCP.
option-traceroute-dont-fragment = { option-ping-dont-fragment }
option-traceroute-dont-fragment-help = { option-ping-dont-fragment-help }
option-traceroute-numeric = Adresses seulement
option-traceroute-numeric-help = Ne cherche pas les noms des routeurs, ce qui va plus vite.
option-traceroute-ip = { option-ping-ip }
option-traceroute-ip-help = { option-ping-ip-help }

tool-mtr = MTR : pertes et délai de chaque saut
tool-mtr-help = Sonde plusieurs fois chaque routeur du chemin, et donne à la fin les pertes et le délai de chacun.
option-mtr-count = Tours
option-mtr-count-help = Nombre de paquets envoyés à chaque routeur, un par seconde.
option-mtr-method = { option-traceroute-method }
option-mtr-method-help = { option-traceroute-method-help }
option-mtr-port = { option-traceroute-port }
option-mtr-port-help = { option-traceroute-port-help }
option-mtr-max-hops = { option-traceroute-max-hops }
option-mtr-max-hops-help = { option-traceroute-max-hops-help }
option-mtr-numeric = { option-traceroute-numeric }
option-mtr-numeric-help = { option-traceroute-numeric-help }
option-mtr-ip = { option-ping-ip }
option-mtr-ip-help = { option-ping-ip-help }

tool-iperf3 = iperf3 : débit
tool-iperf3-help = Envoie autant que le chemin supporte, ou à un débit donné. Si la destination est un nœud, l’autre bout y est démarré pour vous.
option-iperf3-time = Durée
option-iperf3-time-help = Secondes d’envoi.
option-iperf3-bytes = Volume
option-iperf3-bytes-help = Combien envoyer, au lieu d’une durée ; K, M ou G peuvent suivre le nombre.
option-iperf3-parallel = Flux
option-iperf3-parallel-help = Nombre de connexions en même temps.
option-iperf3-method = { option-traceroute-method }
option-iperf3-method-help = TCP aussi vite que possible, ou UDP à un débit donné.
option-iperf3-bitrate = Débit
option-iperf3-bitrate-help = Bits par seconde de chaque flux UDP ; K, M ou G peuvent suivre le nombre. Tous les flux ensemble restent sous 100 Mbit/s.
option-iperf3-reverse = Sens inverse
option-iperf3-reverse-help = L’autre bout envoie et le nœud reçoit.
option-iperf3-interval = { option-ping-interval }
option-iperf3-interval-help = Secondes entre deux lignes du rapport.
option-iperf3-port = Port
option-iperf3-port-help = Port d’un serveur iperf3 déjà en marche. À laisser vide si la destination est un nœud.
option-iperf3-ip = { option-ping-ip }
option-iperf3-ip-help = { option-ping-ip-help }

tool-dns = DNS : la réponse d’un serveur de noms
tool-dns-help = Interroge un serveur de noms sur un nom de domaine, ou sur le nom d’une adresse. Montre toute la réponse.
option-dns-type = Type d’enregistrement
option-dns-type-help = Sans choix, A pour un nom et PTR pour une adresse.
option-dns-resolver = Serveur
option-dns-resolver-help = Le serveur de noms à interroger ; si vide, celui du nœud.
option-dns-port = Port
option-dns-port-help = Le port du serveur, si ce n’est pas 53.
option-dns-tcp = TCP
option-dns-tcp-help = Interroge en TCP au lieu d’UDP.
option-dns-short = Court
option-dns-short-help = Montre seulement la réponse.
option-dns-ip = { option-ping-ip }
option-dns-ip-help = { option-ping-ip-help }

tool-http = HTTP : les temps d’un serveur web
tool-http-help = Va chercher une page et la jette. Montre les en-têtes, et quand le serveur a été joint, a répondu et a fini. Le nœud cherche l’adresse avant, ce qui ne compte donc pas dans les temps.
option-http-method = { option-traceroute-method }
option-http-method-help = GET va chercher la page, HEAD ses en-têtes seulement.
option-http-timeout = Délai d’attente
option-http-timeout-help = Secondes que le tout peut durer.
option-http-ip = { option-ping-ip }
option-http-ip-help = { option-ping-ip-help }

tool-tls = TLS : le certificat d’un serveur
tool-tls-help = Ouvre une connexion TLS et montre la chaîne de certificats, qui les a émis, jusqu’à quand ils valent, et si le nœud leur fait confiance.
option-tls-port = Port
option-tls-port-help = Le port du serveur ; 443 si vide.
option-tls-ip = { option-ping-ip }
option-tls-ip-help = { option-ping-ip-help }

tool-pmtu = MTU du chemin : le plus grand paquet qui passe
tool-pmtu-help = Trouve le plus grand paquet qui atteint un hôte sans être coupé, et où la limite baisse en route.
option-pmtu-max-hops = { option-traceroute-max-hops }
option-pmtu-max-hops-help = { option-traceroute-max-hops-help }
option-pmtu-port = Port
option-pmtu-port-help = Port de destination de la première sonde ; chaque suivante prend le port d’au-dessus.
option-pmtu-numeric = { option-traceroute-numeric }
option-pmtu-numeric-help = { option-traceroute-numeric-help }
option-pmtu-ip = { option-ping-ip }
option-pmtu-ip-help = { option-ping-ip-help }

problem-tool-unknown = Il n’y a pas d’outil « { $tool } ». Les outils sont { $tools }.
problem-option-unknown = { $tool } n’a pas d’option « { $option } ». Ses options sont { $options }.
problem-option-elsewhere = « { $option } » est une option de { $owners }, pas de { $tool }. Les options de { $tool } sont { $options }.
problem-option-repeated = L’option « { $option } » est donnée plusieurs fois. Donnez-la une fois.
problem-option-without-value = « { $flag } » demande une valeur, par exemple { $flag } { $example }.
problem-option-takes-no-value = « { $option } » est activée ou non et ne prend pas de valeur ; « { $value } » est de trop.
problem-not-a-number = « { $value } » n’est pas un nombre. L’option « { $option } » prend un nombre de { $min } à { $max } ({ $unit ->
    [packets] paquets
    [bytes] octets
    [hops] sauts
    [streams] flux
   *[other] { $unit }
}).
problem-out-of-range = { $value } est hors limites. L’option « { $option } » prend un nombre de { $min } à { $max } ({ $unit ->
    [packets] paquets
    [bytes] octets
    [hops] sauts
    [streams] flux
   *[other] { $unit }
}).
problem-not-a-choice = « { $value } » n’est pas un choix pour l’option « { $option } ». Choisissez parmi { $choices }.
problem-option-needs = L’option « { $option } » ne va qu’avec { $needs }. Ajoutez-le, ou retirez « { $option } ».
problem-options-conflict = Les options « { $option } » et « { $other } » s’excluent. Donnez l’une des deux.
problem-too-long = Cela durerait { $seconds } s, et une exécution peut durer { $limit } s. Diminuez l’option « { $option } ».
problem-total-rate = { $streams } flux de { $bitrate } bit/s dépassent les { $limit } bit/s permis en tout. Diminuez le débit ou le nombre de flux.
problem-extra-argument = « { $argument } » est un mot de trop : { $tool } prend une destination, et « { $destination } » y est déjà.
problem-destination-missing = { $tool } demande une destination, par exemple { $example }.
problem-destination-character = La destination contient { $character }, ce qu’aucune destination ne peut contenir. Écrivez une destination comme { $example }.
problem-destination-too-long = La destination a { $length } caractères ; { $limit } au plus sont permis.
problem-destination-dash = « { $destination } » commence par « - », comme une option. Une destination commence par une lettre, un chiffre ou « [ ».
problem-name-invalid = « { $name } » n’est pas un nom d’hôte valide. Un nom est fait d’étiquettes de 1 à 63 lettres, chiffres et tirets intérieurs, séparées par des points, 253 caractères au plus.
problem-name-look-alike = « { $name } » contient { $character }, qui ressemble à une autre lettre. Tapez le nom avec les lettres d’une seule écriture.
problem-address-form = « { $address } » n’est pas une adresse IPv4 en forme pointée. Écrivez quatre nombres décimaux sans zéros devant, comme 192.0.2.1.
problem-address-invalid = « { $address } » n’est pas une adresse IPv6. Écrivez-la comme 2001:db8::1, entre crochets si un port suit : [2001:db8::1]:443.
problem-address-zone = « { $address } » porte un identifiant de zone, qui n’a de sens que sur une machine. Écrivez l’adresse sans « % » ni la suite.
problem-family-mismatch = { $address } n’est pas une adresse IPv{ $version }. Retirez la version d’IP, ou donnez une adresse IPv{ $version } ou un nom.
problem-node-family = Le nœud { $node } n’a pas d’adresse IPv{ $version }. Retirez la version d’IP, ou choisissez une autre destination.
problem-port-invalid = « { $port } » n’est pas un port. Un port est un nombre de 1 à 65535.
problem-port-not-taken = { $tool } ne prend pas de port dans sa destination. Retirez « :{ $port } » et écrivez { $host }.
problem-port-twice = La destination nomme déjà le port { $port }. Retirez l’option « port ».
problem-url-invalid = « { $url } » n’est pas une URL. Écrivez-en une qui commence par http:// ou https://, comme https://example.org/.
problem-url-user = L’URL porte un nom d’utilisateur ou un mot de passe. Retirez tout ce qui précède « { $host } », « @ » compris ; aucun secret n’a sa place dans une expérience.
problem-type-for-address = { $address } est une adresse, et une adresse n’a que des enregistrements PTR. Demandez PTR au lieu de { $kind }, ou donnez un nom.
problem-address-refused = { $address } est dans { $network }, où les expériences n’ont pas le droit d’aller. Choisissez une autre destination.
problem-name-refused = { $name } relève de { $pattern }, où les expériences n’ont pas le droit d’aller. Choisissez une autre destination.
problem-language-unknown = Il n’y a pas de langage « { $language } ». Les langages sont { $languages }.
problem-language-untold = Le nom « { $file } » ne dit pas le langage. Indiquez-le : { $languages }.
problem-line-language = Une ligne est exécutée par le shell, et non par { $language }. N’indiquez pas de langage, ou donnez le programme dans un fichier.
problem-line-empty = La ligne est vide. Écrivez-y une commande, par exemple uname -a.
problem-line-and-files = Une ligne et des fichiers s’excluent. Donnez l’un ou l’autre.
problem-source-missing = Il n’y a pas de source. Donnez au moins un fichier.
problem-source-empty = « { $file } » est vide. Écrivez-y le programme.
problem-source-nul = « { $file } » contient un caractère NUL, ce qu’aucune source ne contient. Enregistrez-le en texte brut, en UTF-8.
problem-source-encoding = « { $file } » n’est pas du texte en UTF-8. Enregistrez-le en UTF-8.
problem-source-too-large = L’ensemble des fichiers, décompressés, peut avoir { $limit }. Laissez de côté ce dont le programme n’a pas besoin.
problem-too-many-files = Un programme peut avoir { $limit } fichiers. Laissez de côté ceux dont il n’a pas besoin.
problem-path-absolute = « { $file } » commence à la racine d’un système de fichiers. Écrivez un chemin qui commence par un nom, comme lib/words.txt.
problem-path-outside = « { $file } » sort du dossier du programme. Écrivez un chemin sans « .. ».
problem-path-form = « { $file } » ne peut pas nommer un fichier. Écrivez au plus { $limit } octets, des noms séparés par « / », dont aucun n’est « . », sans barre oblique inverse ni caractère de contrôle, et sans « - » ni « @ » au début.
problem-path-repeated = Il y a deux fichiers « { $file } ». N’en donnez qu’un, ou renommez l’un des deux.
problem-path-conflict = « { $file } » est un fichier, et « { $other } » demande un dossier de ce nom. Renommez l’un des deux.
problem-zip-invalid = Ce n’est pas un zip lisible. Refaites l’archive.
problem-zip-broken = « { $file } », dans le zip, est endommagé. Refaites l’archive.
problem-zip-link = « { $file } », dans le zip, est un lien symbolique, et un programme ne peut pas en avoir. Mettez le fichier lui-même dans l’archive.
problem-zip-method = « { $file } », dans le zip, est chiffré, ou compressé autrement que par store ou deflate. Compressez-le par deflate, sans mot de passe.
problem-input-too-large = Une entrée d’un lot peut avoir { $limit }. Mettez ce qui est plus grand dans un fichier du programme.
problem-stdin-too-large = L’entrée standard peut avoir { $limit }. Donnez-en moins, ou envoyez le reste pendant que le programme s’exécute.
problem-too-many-args = Un programme peut avoir { $limit } arguments. Mettez le reste dans l’entrée standard ou dans un fichier.
problem-arg-form = « { $argument } » n’est pas un argument : au plus { $limit } octets, sans caractère NUL. Mettez-le dans l’entrée standard ou dans un fichier.
problem-terminal-size = Un terminal a au moins une colonne et une ligne.
