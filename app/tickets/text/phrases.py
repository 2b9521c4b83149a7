"""The phrases that tell what a sentence does: English, German, French, Spanish, and the most frequent of others."""

from __future__ import annotations

import re

GREETING = re.compile(
    r"^\W*(?:hi|hello|hey|hiya|greetings|dear|good (?:morning|afternoon|evening|day)|hallo|guten (?:tag|morgen"
    r"|abend)|moin"
    r"|servus|grüß gott|sehr geehrte[rs]?|liebe[rs]?|bonjour|bonsoir|salut|madame|hola|buen(?:os|as) (?:días|tardes"
    r"|noches)"
    r"|buenas|estimad[oa]s?|ciao|buongiorno|hoi|olá|привет|здравствуйте|добрый день"
    r"|こんにちは|お世話になっております|您好|你好)"
    r"(?:(?:\s+(?!how|what|why|where|can|could|is|does|i\b|we\b|my\b|wie|was|ich|comment|je\b"
    r"|cómo)[\w.’'-]{1,25}){0,5})\s*(?:[,!.:;–-]+|$)\s*",
    re.IGNORECASE,
)
THANKS = re.compile(
    r"^\W*(?:(?:many |big |ok(?:ay)?,? |great,? |perfect,? )*(?:thanks|thank you|thx|cheers)|(?:herzlichen |vielen "
    r"|besten )?dank|danke"
    r"|merci|(?:muchas |mil )?gracias|grazie|bedankt|obrigad[oa]|спасибо)\b"
    r"|^(?:よろしく|ありがとう|谢谢|宜しく)",
    re.IGNORECASE,
)
PHRASE = re.compile(
    r"^\W*(?:(?:i |we )?hope (?:you|this|that|everyone)|(?:i |we )?(?:really |very much )?(?:appreciate"
    r"|look(?:ing)? forward)"
    r"|(?:please )?let (?:me|us) know|please (?:advise|get back|respond|reply)|(?:any|your) (?:help|advice|pointers?"
    r"|response|assistance)"
    r".{0,40}\b(?:appreciated|welcome|great)|keep up|(?:great|nice|awesome|love) (?:the |your "
    r"|this )?(?:\w+ )?(?:product|work|tool|job|lamp)"
    r"|see subject|as (?:in|per) (?:the )?subject|(?:see|please find|i have|i've)? ?attached\b.{0,60}$|sorry (?:for"
    r"|to|about)"
    r"|i (?:have|'ve got) (?:a|one|two|three|four|some|several|a few|a couple of) (?:quick |short |more "
    r"|other )?questions?\W*$"
    r"|(?:a )?(?:quick|short|few|couple of|two|three|some) questions?\W*$"
    r"|ich (?:freue mich|hoffe)|über (?:eine|ihre) (?:antwort|hilfe|rückmeldung)|ich habe (?:eine|zwei|drei|ein paar"
    r"|mehrere|einige) (?:kurze )?fragen?\W*$"
    r"|j'ai (?:une|deux|trois|quelques|plusieurs) questions?\W*$|j'espère|dans l'attente|tengo (?:una|dos|tres"
    r"|algunas|varias) preguntas?\W*$|espero|quedo a la espera)",
    re.IGNORECASE,
)
COMPLAINT = re.compile(
    r"\b(?:ridiculous|unacceptable|disappoint\w*|waste of|terrible|awful|horrible|frustrat\w*|annoy\w*|worst|angry"
    r"|furious|fed up"
    r"|shame(?:ful)?|joke|kidding|seriously|useless|unbelievable|rip-?off|refund|unglaublich|frechheit|enttäusch\w*"
    r"|unverschämt\w*"
    r"|zumutung|inacceptable|déçue?s?|honteux|scandaleux|inaceptable|decepcion\w*|vergüenza|anybody (?:there"
    r"|reading)|anyone (?:there|reading))\b",
    re.IGNORECASE,
)
PLEA = re.compile(
    r"^\W*(?:(?:so|and|now|but|then),? )?(?:"
    r"(?:can|could|would|will) (?:you|someone|somebody|anyone|anybody)(?: guys)?(?: please| kindly)? (?:help|assist"
    r"|advise|look into|check|fix|take a look|guide|shed)"
    r"(?: (?:me|us|it|this|that|the issue|the problem|out|here|with|on|into|at|some light))*"
    r"|(?:please|pls|plz),? (?:help|assist|advise|fix|check)(?: (?:me|us|it|this|out|asap|with|urgently))*"
    r"|help(?: me)?(?: please)?"
    r"|(?:(?:do you have |have you )?(?:any|an) )(?:ideas?|help|advice|suggestions?|thoughts?|hints?|clues?"
    r"|workarounds?)(?: (?:why|what|how|about|on|with|here|this|is|it|could|be|causing|wrong|appreciated))*"
    r"|what (?:am i|are we|did i|did we|have i) (?:doing|do|done|missing|miss)(?: wrong| here)*|what (?:can|could"
    r"|should|shall|must|do) (?:i|we) do(?: (?:now|here|about|this|it|to fix))*"
    r"|what(?:'s| is| could be| might be| can be)? ?(?:going on|wrong|happening|the (?:problem|issue|cause|reason)"
    r"|causing (?:this|it|that))(?: (?:here|with|this|it|for this))*"
    r"|how (?:can|could|do|should|would|to) ?(?:i|we|you)? ?(?:fix|solve|resolve|avoid|get around|get rid of"
    r"|work around|debug|troubleshoot|prevent)"
    r" (?:this|it|that|the (?:issue|problem|error))(?: \w+){0,2}"
    r"|is (?:this|that|it) (?:a |an |even |really )?(?:known |expected |normal |intended |possible|right|correct"
    r"|supported|allowed|bug|issue|behaviou?r|problem|feature|error)+.{0,15}"
    r"|why(?: is (?:this|that|it)| does (?:this|that|it) happen| so)?|how(?: so| come)?|right|correct|if so,? (?:how"
    r"|where|which|what|why)|if not,? (?:why|what|how)(?: can i do| then)?|or not|where"
    r"|(?:können|könnten|kann|könntet|könnt) (?:sie|ihr|du|jemand|mir|uns)(?: (?:mir|uns|bitte|da|dabei|jemand|hier"
    r"|weiter))* ?(?:helfen|weiterhelfen|unterstützen)?"
    r"|was (?:mache|mach|machen) (?:ich|wir)(?: hier| da)? falsch|was (?:kann|soll|muss|können|sollen) (?:ich"
    r"|wir)(?: (?:da|jetzt|hier|dagegen|nun))* (?:tun|machen)|woran (?:kann|könnte|liegt|mag) (?:das"
    r"|es)?(?: liegen)?"
    r"|(?:haben sie|hast du|hat jemand) (?:eine|dazu eine|irgendeine) (?:idee|ahnung|lösung)|bitte (?:um hilfe"
    r"|helfen sie)(?: mir| uns)?|ist das (?:möglich|ein bug|normal|richtig)|warum(?: ist das so)?|wie(?: das)?"
    r"|pou(?:vez|rriez)-vous (?:m'|nous |me )?(?:aider|conseiller)|que (?:dois|puis|faut)-?(?:je|il)? ?faire"
    r"|(?:avez-vous )?une idée|d'où (?:ça|cela|vient)(?: vient| le problème)*|est-ce (?:normal|possible|un bug)"
    r"|pourquoi|aidez-moi"
    r"|(?:me |nos )?(?:pueden?|puedes|podrían?|podéis)(?: usted(?:es)?)? ayudar(?:me|nos)?|qué (?:puedo|debo|podemos"
    r"|tengo que) hacer|(?:alguna|tienen alguna) idea|a qué se debe|es (?:normal|posible|esto normal|un error)"
    r"|por qué|ayuda(?:,? por favor)?|что (?:мне |нам )?делать|помогите"
    r")(?: please| bitte| svp| s'il vous plaît| por favor)?\s*[?.!？…)]*$",
    re.IGNORECASE,
)
SOLVED = re.compile(
    r"\b(?:(?:it|that|this|everything|all)(?:'s| is)? ?(?:now )?(?:works?|working|worked|solved|resolved|fixed"
    r"|fine)\b(?: now| again| fine| perfectly| great)*\W*$"
    r"|(?:problem|issue|ticket)(?: is| has been| was)? (?:solved|resolved|fixed|closed|gone)|(?:you can "
    r"|please )close (?:this|the) (?:ticket|issue|request)|that (?:did|was) (?:it|the trick)"
    r"|solved (?:it|the problem|my problem)|(?:funktioniert|läuft|geht) (?:jetzt|wieder|nun)(?! nicht)"
    r"|hat (?:sich erledigt|funktioniert|geklappt)|(?:ça|cela) (?:marche|fonctionne) (?:maintenant|bien)"
    r"|problème (?:est )?résolu"
    r"|ya funciona|(?:está )?solucionado|resuelto)",
    re.IGNORECASE,
)
ASKS = re.compile(
    r"^\W*(?:(?:and|but|so|also|or|then|btw|by the way|further(?:more)?|additionally|next|finally|lastly|plus|und"
    r"|außerdem|et|y|además"
    r"|(?:my )?(?:first|second|third|another|other|next|last) ?(?:question|one|thing)?|first(?:ly)?|second(?:ly)?"
    r"|third(?:ly)?)(?: is)?[,:;]? )*"
    r"(?:how (?:do|does|can|could|would|should|to|many|much|long|often|is|are|i|we|big|large|about)|what(?:'s| is"
    r"| are| does| do| would| should| happens| version| about| kind| was)"
    r"|where(?:'s| is| are| do| does| can| should| to)|when (?:will|does|is|do|should|can)|which (?:\w+ )?(?:is|are"
    r"|do|does|should|can|of|version|port|one|file|setting|option|model|command)|who (?:can|is|do)"
    r"|why (?:is|does|do|are|did|can't|doesn't|isn't|don't|would|can|won't)|(?:is|are) (?:there|it possible|it safe)"
    r"|does (?:it|the|your|this|\w+ (?:support|work|have|run|need))|do (?:i|you|we) (?:need|have|support|offer|know)"
    r"|can (?:i|you|we|it|the|one)|could (?:i|you|we|it)|would it be possible|should (?:i|we|it)|may i|will (?:it"
    r"|there|you|the)|has anyone|is (?:the|my|\w+ supported)"
    r"|wie|was (?:ist|sind|bedeutet|passiert|muss|kann|bringt|heißt)|wo(?: |hin|mit|rin|für|durch|zu)|wann"
    r"|welche[rsnm]?|warum|wieso|weshalb|wer (?:kann|ist)|kann (?:ich|man|der|die|das)|können wir|gibt es|lässt sich"
    r"|ist es möglich|muss (?:ich|man)|darf"
    r"|comment|pourquoi|où|quand|quel(?:le)?s?|combien|est-ce qu|qu'est-ce|peut-on|puis-je|y a-t-il|faut-il|existe-t-il"
    r"|¿|cómo|por qué|dónde|cuándo|cuál(?:es)?|cuánt[oa]s?|qué (?:es|significa|puerto|versión)|puedo|se puede"
    r"|hay (?:alguna|algún|forma))\b",
    re.IGNORECASE,
)
ASKS_WITHIN = re.compile(
    r"\b(?:(?:i|we)(?:'d| would)? (?:like|want|need|love) to (?:know|understand|find out|ask)|(?:i|we) (?:wonder"
    r"|was wondering|am wondering|'m wondering|were wondering)|wondering (?:how|if|whether|what|why|where)"
    r"|(?:can|could|would) (?:you|someone|anyone) (?:please |kindly )?(?:tell|explain|show|point|clarify|confirm"
    r"|let)|please (?:tell|explain|show|clarify|confirm|let) (?:me|us)?|my (?:\w+ )?question is"
    r"|(?:i|we) (?:do not|don't|cannot|can't) (?:know|find|figure out|understand|see) (?:how|where|what|which|why"
    r"|when|if)|(?:not|un)(?: )?(?:sure|clear) (?:how|where|what|which|why|when|if|whether)|no idea (?:how|where"
    r"|what|why)"
    r"|ich (?:möchte|würde gerne?|will) (?:gerne? )?wissen|ich frage mich|ich weiß nicht,? (?:wie|wo|was|warum"
    r"|welche|ob)|(?:mir|uns) (?:bitte )?(?:sagen|erklären),? (?:wie|wo|was|warum|welche|ob)"
    r"|mich (?:würde )?interessier"
    r"|je (?:voudrais|souhaite(?:rais)?|aimerais) savoir|je me demande|je ne sais pas (?:comment|où|pourquoi|si"
    r"|quel)|(?:m'|nous )(?:dire|expliquer|indiquer) (?:comment|où|pourquoi|si|quel)"
    r"|(?:me gustaría|quisiera|quiero|necesito|queremos) saber|me pregunto|no sé (?:cómo|dónde|por qué|si|qué|cuál)"
    r"|(?:decirme|explicarme|indicarme) (?:cómo|dónde|por qué|si|qué|cuál))",
    re.IGNORECASE,
)
PROBLEM = re.compile(
    r"\b(?:can(?:no|')?t|can not|could(?: not|n't)|unable to|fail(?:s|ed|ing|ure)?|does(?: not|n't)|did(?: not|n't)"
    r"|do(?: not|n't) (?:work|see|get|start|show|appear|run|load|connect)|won't|will not|is(?: not|n't) (?:work"
    r"|start|run|show|respond|load|connect|recogni|detect|found|possible|available|support)\w*|are(?: not"
    r"|n't) (?:work|show|load)\w*|not (?:work|start|respond|load|connect)\w*"
    r"|no longer|stopped|stops|nothing (?:happens|works)|errors?|exceptions?|crash(?:es|ed|ing)?|bug|problems?"
    r"|issues? with|an issue|broken?|breaks|stuck|hang(?:s|ing)?|freez(?:es|ing)|frozen|slow(?:ly|er)?|missing|lost"
    r"|wrong|corrupt\w*|denied|refused|rejected|blocked|times? out|timed out|timeout|flicker(?:s|ing)?"
    r"|(?:does|do) nothing|expire[sd]?|busy|disappear(?:s"
    r"|ed)|los(?:es|ing)|never|not (?:found|recogni[sz]ed|detected|shown|listed|accepted|saved)|empty|blank"
    r"|segfault\w*|panic(?:s|ked)?"
    r"|funktioniert .{0,40}(?:nicht|nie)|(?:geht|läuft|startet|lädt|reagiert|erscheint|verbindet sich|findet|zeigt"
    r"|kommt|klappt|öffnet|speichert|lässt sich|tut|kann|können|konnte|bekomme|erhalte|komme"
    r"|schaffe) .{0,60}\b(?:nicht|keine?n?)\b|(?:nicht|kein) (?:mehr|möglich|starten|öffnen|verbinden)|fehler\w*"
    r"|problem(?:e)?|abst[üu]rz\w*|stürzt|hängt|kaputt|schlägt fehl|fehlgeschlagen|defekt|flackert"
    r"|ne (?:fonctionne|marche|démarre|répond|s'affiche|se connecte|charge|trouve|peux|peut|parviens"
    r"|s'allume)\w* (?:pas|plus)|n'(?:arrive|apparaît|est|a|affiche) .{0,20}(?:pas|plus)|impossible d|erreurs?"
    r"|plante|échou\w*|échec|bloqué\w*|panne|problèmes?|ne \w+ (?:pas|plus)"
    r"|no (?:funciona|arranca|puedo|puede|consigo|aparece|responde|se (?:conecta|inicia|enciende)|carga|logro"
    r"|encuentro|encuentra)|errores|falla(?:n|do)?|fallo|se (?:bloquea|cuelga|cierra)|problemas|parpadea"
    r"|não (?:funciona|consigo)|не (?:работает|могу|запускается|удается)|ошибк\w*)\b"
    r"|エラー|できません|動きません|起動しません|错误|无法|失败"
    r"|不能",
    re.IGNORECASE,
)
WISH = re.compile(
    r"\b(?:(?:i|we)(?:'d| would)? (?:like|want|need|love|have) to\b|(?:i|we)(?: am|'m| are|'re)? (?:trying|looking"
    r"|planning|hoping) (?:to|for)\b|(?:i|we) need (?:a|an|the|more|help with)\b|please (?:add|enable|disable|reset"
    r"|send|provide|change|remove|delete|increase|extend|activate)\b|feature request|would be (?:great|nice|helpful"
    r"|good) (?:if|to)\b"
    r"|(?:ich|wir) (?:möchten?|will|wollen|brauchen?|würden? gerne?|benötigen?|suchen?)\b|(?:je|nous) (?:voudr\w+"
    r"|veux|voulons|souhait\w+|aimer\w+|cherch\w+)\b|(?:quiero|queremos|quisiera|necesito|necesitamos|me gustaría"
    r"|busco|estoy intentando)\b)",
    re.IGNORECASE,
)
MARK = re.compile(r"[?？][\"'”’)\]*_!.]*$")
RHETORICAL = re.compile(
    r"^\W*(?:are you (?:kidding|serious|there)|seriously|hello|really|is (?:anyone|anybody) (?:there|reading|home)"
    r"|how are you(?: doing)?"
    r"|what the \w+|right|ok(?:ay)?)\W*$",
    re.IGNORECASE,
)
# Messages that are quoted: 'the page says "Session expired"'.
SAYS = re.compile(
    r"\b(?:say|show|print|report|display|return|get|gett|zeigt|meldet|affich|muestra|dice)\w{0,4}\b[^.]{0,40}[\"“„«`]",
    re.IGNORECASE,
)
UNCHANGED = re.compile(
    r"^\W*(?:i|we|nobody|no one) (?:did(?: not|n't)|ha(?:ve|s)(?: not|n't)) (?:change|touch|modif|update|alter)\w*"
    r"|^\W*(?:wir|ich) haben? nichts (?:ge|ver)ändert",
    re.IGNORECASE,
)
OPENER = re.compile(
    r"^\W*(?:also|additionally|in addition|furthermore|moreover|besides|apart from that|another (?:question|thing"
    r"|issue|problem)|one more (?:question|thing)|(?:a )?(?:second|third|fourth|next|last|final|other) (?:question"
    r"|thing|issue|problem|point)|my (?:second|third|next|last|other) (?:question|issue|problem)"
    r"|first(?:ly)?\b|second(?:ly)?\b|third(?:ly)?\b|fourth(?:ly)?\b|lastly|finally|btw|by the way|on another note"
    r"|separately|unrelated|p\.?\s?s\b|oh,? and|and also|plus,"
    r"|außerdem|zusätzlich|weiterhin|des weiteren|ferner|zudem|erstens|zweitens|drittens|noch eine frage"
    r"|(?:eine )?(?:zweite|dritte|weitere|andere|letzte) frage|nebenbei|übrigens|und noch"
    r"|par ailleurs|de plus|en outre|(?:une )?(?:autre|deuxième|seconde|dernière) question|premièrement|deuxièmement"
    r"|troisièmement|enfin|aussi,"
    r"|además|también|por otro lado|por otra parte|(?:otra|segunda|última) pregunta|en primer lugar|en segundo lugar"
    r"|primero|segundo|por último|asimismo)\b",
    re.IGNORECASE,
)
EXPLAINS = re.compile(
    r"^\W*(?:(?:i|we)(?:'ve| have)? (?:already |also |even )?(?:tried|checked|restarted|reinstalled|followed|looked"
    r"|read|searched|attempted|did)|so far|my (?:config|setup|environment)|here (?:is|are)|this is|expected|actual"
    r"|steps|version|os\b|the (?:log|error|output|message)"
    r"|it (?:says|shows|only|just|does|did|fails|worked|seems|happens)|this (?:happens|started|only|seems)"
    r"|ich habe (?:bereits|schon|auch)?|bisher|hier (?:ist|sind)|es (?:kommt|erscheint|passiert)|j'ai (?:déjà"
    r"|essayé)|voici|ya (?:he|probé)|he (?:probado|intentado)|aquí)\b",
    re.IGNORECASE,
)
