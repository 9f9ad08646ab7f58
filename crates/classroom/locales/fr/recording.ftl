# Ce que disent les pages des enregistrements.
recording-missing-title = Cet enregistrement n’est pas là
recording-missing-text = Il a été supprimé, ou n’est pas publié. Demandez à la personne qui vous a donné le lien.
recording-closed-title = Cet enregistrement est protégé
recording-closed-text = Il s’ouvre depuis son cours, par un lien qui sert une seule fois. Retournez-y et ouvrez-le à nouveau.
recording-no-player-title = Aucun lecteur n’est installé ici
recording-no-player-text = L’enregistrement est là, mais pas la page qui le lit. Prévenez l’administrateur : le guide dit comment installer un lecteur.

nav-recordings = Enregistrements
recordings-empty-title = Pas encore d’enregistrement
recordings-empty-teacher = Une réunion enregistrée apparaît ici quand son serveur de conférence l’a préparée, ce qui prend à peu près le temps de la réunion.
recordings-empty-operator = Les serveurs de conférence apportent ici les enregistrements : le guide dit quel script il leur faut. Un fichier que vous avez déjà entre par : amphi conference recording import FILE
recording-name = Nom
recording-held = Tenue
recording-length = Durée
recording-minutes = { $count ->
    [one] { $count } minute
   *[other] { $count } minutes
 }
recording-state = État
recording-published = Publié
recording-unpublished = Non publié
recording-protected = Protégé
recording-watch = Regarder
recording-publish = Publier
recording-unpublish = Dépublier
recording-protect = Protéger
recording-unprotect = Ouvrir à tous
recording-delete = Supprimer
recording-delete-confirm = Supprimer l’enregistrement « { $name } » ? Ses fichiers seront perdus.
recordings-newest = Les plus récents
recordings-aside = Mis de côté
recordings-aside-help = Ces archives ne sont pas des enregistrements que l’on puisse prendre. Leurs fichiers sont gardés dans le dossier « quarantine ».
recordings-aside-file = Fichier
recordings-aside-reason = Pourquoi
recordings-aside-at = Quand
flash-recording-published = L’enregistrement est publié.
flash-recording-unpublished = L’enregistrement ne peut plus être regardé.
flash-recording-protected = L’enregistrement ne s’ouvre que par un lien de son cours.
flash-recording-unprotected = Quiconque a le lien peut regarder l’enregistrement.
flash-recording-deleted = L’enregistrement a été supprimé.

problem-recording-unknown = Cet enregistrement n’existe pas.
problem-recording = Ceci ne peut pas être réglé pour un enregistrement.
problem-recording-rejected = { $detail }
problem-recordings-away = Le dossier des enregistrements ne peut être ni lu ni écrit pour le moment ; réessayez dans un instant.
problem-upload-unknown = Cet envoi n’existe pas ; il a pu être terminé, ou abandonné après une semaine.
problem-upload-offset = L’envoi a { $offset } octets ; continuez à partir de là.
problem-upload-offset-missing = L’en-tête Upload-Offset doit dire où le morceau commence.
problem-upload-busy = Un autre morceau de cet envoi est en train d’être écrit.
problem-upload-too-long = Un enregistrement a au plus { $most } octets.
