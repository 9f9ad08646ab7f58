# Ce que disent les pages des enregistrements.
recording-missing-title = Cet enregistrement n’est pas là
recording-missing-text = Il a été supprimé, ou n’est pas publié. Demandez à la personne qui vous a donné le lien.
recording-closed-title = Cet enregistrement est protégé
recording-closed-text = Il s’ouvre depuis son cours, par un lien qui sert une seule fois. Retournez-y et ouvrez-le à nouveau.
recording-no-player-title = Aucun lecteur n’est installé ici
recording-no-player-text = L’enregistrement est là, mais pas la page qui le lit. Prévenez l’administrateur : le guide dit comment installer un lecteur.
