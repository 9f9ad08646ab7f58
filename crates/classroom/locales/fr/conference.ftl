# What the pages of servers, meetings, tenants and secrets say.

nav-conference = Serveurs de conférence
nav-conference-servers = Serveurs
nav-conference-connect = Connecter un LMS

conference-title = Serveurs de conférence
conference-empty-title = Pas encore de serveur de conférence
conference-empty-text = Les réunions se tiennent sur des serveurs BigBlueButton. Ajoutez-en un ci-dessous ou par cette commande ; les LMS et les classes les voient ensuite comme un seul.
conference-host = Serveur
conference-state = État
conference-health = Santé
conference-meetings = Réunions
conference-users = Personnes
conference-largest = Maximum
conference-videos = Vidéos
conference-load = Charge
conference-version = Version
conference-actions = Actions
conference-enabled = en service
conference-cordoned = en retrait
conference-disabled = hors service
conference-up = répond
conference-suspect = douteux
conference-down = ne répond pas
conference-enable = Mettre en service
conference-cordon = Mettre en retrait : plus de nouvelles réunions, hors service une fois vide
conference-disable = Mettre hors service
conference-panic = Panique : terminer toutes les réunions
conference-panic-sure = Toutes les réunions sur { $host } se terminent pour tout le monde, et le serveur est mis hors service.
conference-remove = Retirer
conference-remove-sure = Retirer { $host } des serveurs de conférence ? On ne touche pas au serveur lui-même.
conference-running = Réunions en cours
conference-running-none = Aucune réunion ne se tient en ce moment.
conference-meeting = Réunion
conference-tenant = Établissement
conference-began = Début
conference-end = Terminer
conference-end-sure = Terminer « { $name } » pour tout le monde ?
conference-more = Ce sont les plus récentes. La ligne de commande les liste toutes :
conference-add = Ajouter un serveur
conference-add-help = Sur le serveur, « bbb-conf --secret » affiche son adresse et son secret.
conference-add-button = Ajouter le serveur
conference-url = Adresse
conference-secret = Secret partagé
conference-weight = Poids
conference-weight-help = Sa part des réunions ; 100 est habituel.
conference-tag = Étiquette
conference-tag-help = Seulement les réunions qui demandent cette étiquette. Vide : celles qui n’en demandent aucune, ou une qu’aucun serveur n’a.

connect-title = Connecter un LMS
connect-show = Afficher
connect-help = Un LMS de { $tenant } a besoin de cette adresse et de ce secret, et voit tous les serveurs de conférence comme un seul.
connect-url = Adresse
connect-secret = Secret partagé
connect-secret-none = Il n’y en a pas ; créez-en un ci-dessous.
connect-moodle = Moodle
connect-moodle-1 = Ouvrez Administration du site → Plugins → Modules d’activité → BigBlueButton.
connect-moodle-2 = Collez l’adresse dans « URL du serveur BigBlueButton ».
connect-moodle-3 = Collez le secret dans « Secret partagé BigBlueButton », puis enregistrez.
connect-others = Canvas, Sakai, ILIAS, Nextcloud, WordPress et d’autres
connect-others-text = Partout où une extension pour BigBlueButton demande l’URL d’un serveur et son secret (ou « salt »), donnez ces deux-là.
connect-secrets = Secrets
connect-secrets-help = Créez-en un nouveau, mettez-le dans le LMS, puis révoquez l’ancien : les deux sont valables entre-temps.
connect-note = Pour quoi
connect-new = Créer un nouveau secret
connect-made = Créé
connect-newest = affiché ci-dessus
connect-revoke = Révoquer
connect-revoke-sure = Un LMS qui signe encore avec ce secret sera refusé dès maintenant. Le révoquer ?

conference-tenant-title = Réunions de { $tenant }
conference-hosts = Hôtes
conference-hosts-help = Un par ligne. Un appel à l’un de ces noms doit être signé avec un secret de cet établissement.
conference-defaults = Valeurs par défaut
conference-defaults-help = Paramètres de « create » là où le LMS n’en donne pas, un nom=valeur par ligne, par exemple welcome=Bonjour.
conference-overrides = Valeurs imposées
conference-overrides-help = Paramètres de « create » quoi que donne le LMS, un nom=valeur par ligne, par exemple record=false.
conference-meetings-max = Réunions en même temps
conference-attendees-max = Personnes en même temps
conference-minutes-max = Minutes d’une réunion
conference-no-limit = sans limite
conference-save = Enregistrer
conference-lines-wrong = Donnez un nom=valeur par ligne.
conference-limit-wrong = Donnez un nombre entier, ou rien pour ne pas limiter.

flash-conference-added = Le serveur a été ajouté.
flash-conference-enabled = Le serveur reçoit des réunions.
flash-conference-cordoned = Le serveur ne reçoit plus de réunions et sera mis hors service une fois les siennes terminées.
flash-conference-disabled = Le serveur est hors service.
flash-conference-panicked = Toutes les réunions du serveur ont été terminées, et il est hors service.
flash-conference-removed = Le serveur a été retiré.
flash-conference-tenant = Les réglages sont gardés ; ils valent pour les prochaines réunions.
flash-meeting-ended = La réunion a été terminée.
flash-secret-made = Un nouveau secret a été créé. Les anciens restent valables jusqu’à ce que vous les révoquiez.
flash-secret-revoked = Le secret a été révoqué.

problem-conference-server-url = Ce n’est pas l’adresse d’un serveur BigBlueButton ; donnez-en une comme https://bbb1.example.org/bigbluebutton/api.
problem-conference-server-secret = Le secret est vide, ou dépasse 255 caractères ; « bbb-conf --secret » l’affiche sur le serveur.
problem-conference-server-tag = Une étiquette a 1 à 63 lettres, chiffres, - et _, et n’est pas « none ».
problem-conference-server-weight = Un poids est un nombre entier de 1 à 10 000 ; 100 est habituel.
problem-conference-server-id = Un identifiant a 1 à 64 lettres, chiffres, -, _ et points.
problem-conference-server-unknown = Il n’y a pas de serveur de conférence « { $server } ».
problem-conference-server-taken = Un serveur de conférence avec cet identifiant ou cette adresse existe déjà.
problem-conference-server-busy = { $meetings ->
    [one] Une réunion se tient sur ce serveur. Mettez-le en retrait : il n’en reçoit plus et sera hors service une fois celle-ci terminée ; ou utilisez la panique, qui la termine.
   *[other] { $meetings } réunions se tiennent sur ce serveur. Mettez-le en retrait : il n’en reçoit plus et sera hors service une fois celles-ci terminées ; ou utilisez la panique, qui les termine.
}
problem-conference-server-changed = Le serveur a été modifié entre-temps ; regardez à nouveau.
problem-conference-server-lacking = Aucun serveur de conférence ne peut recevoir de réunion en ce moment.
problem-conference-tag-lacking = Aucun serveur de conférence avec l’étiquette « { $tag } » ne peut recevoir de réunion en ce moment.
problem-conference-server-away = Le serveur de conférence ne répond pas en ce moment.
problem-meeting-not-created = Aucun serveur de conférence n’a pris la réunion.
problem-conference-refused = Le serveur de conférence a refusé : { $detail }
problem-meeting-unknown = Cette réunion n’existe pas, ou elle est terminée.
problem-meeting-id = L’identifiant d’une réunion a 2 à 256 caractères, sans virgule ni caractère de contrôle.
problem-conference-meetings-most = { $most } réunions sont en cours, autant qu’il peut y en avoir en même temps.
problem-conference-people-most = { $most } personnes sont en réunion, autant qu’il peut y en avoir en même temps.
problem-conference-secret-unknown = Ce secret partagé n’existe pas.
problem-conference-settings-hosts = Un hôte est un nom comme law.example.org, de cet établissement seul ; 50 au plus.
problem-conference-settings-defaults = L’un d’eux n’est pas un paramètre que l’on peut fixer pour toutes les réunions, ou sa valeur est trop longue ; 50 au plus.
problem-conference-settings-overrides = L’un d’eux n’est pas un paramètre que l’on peut fixer pour toutes les réunions, ou sa valeur est trop longue ; 50 au plus.
problem-conference-settings-secret = Un secret a 16 à 255 lettres, chiffres ou signes, sans espaces, et ne sert nulle part ailleurs.
