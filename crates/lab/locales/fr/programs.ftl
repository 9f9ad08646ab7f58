# Les programmes : la liste, la page où on les écrit et les exécute, et leur propre page.

nav-programs = Programmes
nav-programs-overview = Vue d’ensemble
nav-programs-new = Nouveau programme

# La liste
program-overview-title = Programmes
program-new = Nouveau programme
program-scope = Programmes de qui
program-scope-all = Tous
program-scope-class = Classe
program-scope-mine = Les miens
program-scope-pinned = Épinglés
program-any-tool = Tous les langages
program-tool = Langage
program-nothing-found = Aucun programme ne correspond.
program-show-all = Afficher tous les programmes
program-search-other = Chercher ceci dans les expériences
program-empty-title = Écrivez un programme et exécutez-le
program-empty-text = Un programme s’exécute sur un nœud de ce laboratoire, coupé de tout le reste ; ce qu’il affiche apparaît pendant qu’il s’exécute. Les exemples épinglés par vos enseignants et vos propres programmes apparaissent ici.

# Écrire et exécuter
program-title = Nouveau programme
program-noscript = L’éditeur a besoin de JavaScript. Sans lui, exécutez vos programmes depuis un terminal : amphi run FICHIER.
program-draft-found = Voici ce que vous n’aviez pas encore exécuté en partant.
program-draft-drop = L’abandonner et recommencer
program-draft-kept = Brouillon gardé dans ce navigateur
program-draft-too-large = Trop grand pour être gardé dans ce navigateur ; exécutez-le pour le garder
program-language = Langage
program-language-nowhere = { $language } (sur aucun nœud)
program-name-help = facultatif
program-files = Fichiers
program-file-new = Nouveau fichier
program-file-rename = Renommer ce fichier
program-file-remove = Retirer ce fichier
program-file-upload = Importer des fichiers ou une archive zip
program-own = Prendre dans mes fichiers
program-own-take = Prendre
program-own-empty = Ce dossier est vide.
program-own-up = Le dossier parent
program-own-more = Seules les %n premières entrées sont affichées.
program-file-name = Nom, avec des dossiers si besoin, par exemple donnees/mots.txt
program-file-name-bad = Donnez un nom d’au plus 200 octets, sans « .. », ni barre oblique inverse, ni barre oblique au début ou à la fin.
program-file-name-taken = Il y a déjà un fichier de ce nom.
program-file-binary = Ce fichier n’est pas du texte (%n octets). Le programme le trouve à côté des autres.
program-file-no-text = Ce fichier n’est pas du texte.
program-file-too-large = %name dépasse 1 Mio, plus que ce qu’un programme peut avoir.
program-keys = Tab indente ; Échap puis Tab quitte l’éditeur.
program-args = Arguments
program-quote-open = Le guillemet %quote n’est pas fermé. Fermez-le, ou écrivez \%quote pour le caractère lui-même.
program-backslash-open = Rien ne suit le \ de la fin. Écrivez \\ pour le caractère lui-même.
program-stdin = Entrée standard
program-stdin-file = depuis un fichier
program-stdin-help = Ce que le programme lit d’abord
program-stdin-no-text = Ici, l’entrée standard est du texte d’au plus 1 Mio ; envoyez le reste avec amphi run.
program-interactive = Je saisis la suite pendant l’exécution
program-output-here = Ce que le programme affiche apparaît ici.
program-input = Écrivez au programme, puis Entrée
program-send = Envoyer
program-end-input = Fin de l’entrée
program-interrupt = Interrompre
program-input-lost = Non envoyé : la liaison avec le programme est coupée pour le moment.
program-input-refused = Non accepté : le programme ne prend pas d’entrée maintenant.
program-stop = Arrêter
program-faults = Endroits nommés par les messages d’erreur
program-page = La page de cette exécution, à garder ou à partager

# Ce qu’une exécution a utilisé
program-time = Durée
program-cpu = Temps processeur
program-memory = Mémoire
program-ms = { $ms } ms
program-seconds = { $seconds } s

# La page d’un programme
program-source = Source
program-fences = Contenu par
program-fences-none = rien sur ce nœud
program-args-none = aucun
program-edit = Modifier
program-share = Partager par lien
program-unshare = Ne plus partager
program-shared = Partagé : dans votre faculté ou équipe, quiconque a cette adresse le voit.
program-flash-submitted = Le programme a été soumis.
program-flash-cancelled = Le programme est en cours d’annulation.
program-flash-retried = Une autre tentative du programme a été soumise.
program-flash-pinned = Le programme est épinglé ; toute la classe le voit.
program-flash-unpinned = Le programme n’est plus épinglé.
program-flash-deleted = Le programme a été supprimé.
flash-shared = Dans votre faculté ou équipe, quiconque a l’adresse peut maintenant le voir.
flash-unshared = Il n’est plus partagé.

# Les mots de l’éditeur
editor-find = Chercher
editor-replace-with = Remplacer par
editor-next = suivant
editor-previous = précédent
editor-all = tous
editor-match-case = respecter la casse
editor-regexp = expression régulière
editor-by-word = mots entiers
editor-replace = remplacer
editor-replace-all = tout remplacer
editor-close = fermer
editor-current-match = occurrence actuelle
editor-on-line = à la ligne
editor-replaced-line = occurrence remplacée à la ligne $
editor-replaced = $ occurrences remplacées
editor-go-to-line = Aller à la ligne
editor-go = aller
