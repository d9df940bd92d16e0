//! The word lists, in lower case and without marks, as folding leaves them.

use super::Parts;

/// Each part with the words that can play it.
pub(super) const WORDS: &[(Parts, &str)] = &[
    (Parts::DROP, "
        ignore ignores ignoring ignored disregard disregarding disregarded forget forgetting forgot
        override overrides overriding overridden bypass bypassing neglect discard drop abandon
        dismiss supersede supersedes superseded superseding cancel cancelled void nullify erase skip
        circumvent violate disobey overlook omit unlearn reset wipe suspend disable disabled revoke
        revoked replace replaces obsolete outdated
        ignorer ignorez oublie oublier oubliez desobeis contourne contourner negligez outrepasse annule
        ignoriere ignorieren ignorier vergiss vergesse vergessen missachte missachten umgehe umgehen
        verwerfe uberschreibe streiche lass
        ignora ignorar ignorad olvida olvide olvidar olvidate omite omitir descarta descarte anula saltate
        ignori ignorate ignorare dimentica dimenticare dimentichi scorda trascura annulla
        esqueca esquece esquecer esqueco desconsidere desconsidera descarte desobedeca
        negeer negeren vergeet vergeten omzeil
        zignoruj ignoruj zapomnij pomin pomijaj odrzuc obejdz
        игнорируи игнорировать игнорируите проигнорируи забудь забудьте отбрось отмени обоиди
        unut unutun yoksay gormezden
        zanemari zaboravi ignorera glom glem glemme unohda ohita
        忽略 忽视 无视 忘记 忘掉 不理 绕过 無視 忘れ 무시 잊어 bo qua abaikan lupakan"),
    (Parts::PRIOR, "
        previous previously prior above earlier preceding foregoing former aforementioned initial
        original originally existing past before preceding everything anything all
        precedent precedente precedentes precedents anterieur anterieures anterieurs dessus avant toutes tout
        vorherigen vorherige vorigen bisherigen bisherige obigen fruheren vorangegangenen vorhergehenden
        vorstehenden zuvor alles alle
        anterior anteriores previa previas previos previo antes todas todo
        precedenti prima tutte tutto
        acima tudo
        vorige voorgaande eerdere bovenstaande
        poprzednie poprzednich powyzsze wczesniejsze wszystkie
        предыдущие предыдущих прежние прошлые ранее выше все
        onceki tum yukaridaki
        以前 之前 以上 先前 上述 前面 上面 所有 前の 이전 모든 sebelumnya truoc tidigare tidligere aiemmat"),
    (Parts::ORDER, "
        instruction instructions instructed directions direction directive directives rule rules
        guideline guidelines guidance command commands order orders policy policies constraint constraints
        restriction restrictions programming training context conversation protocol protocols directives
        regulations safeguard safeguards guardrail guardrails safety filters filter limits limitations
        consigne consignes ordres regles directives
        anweisung anweisungen instruktion instruktionen regeln vorgaben befehle befehl richtlinien aufgaben aufforderungen
        instruccion instrucciones reglas ordenes indicaciones directrices
        istruzione istruzioni regole ordini direttive
        instrucao instrucoes regras ordens diretrizes
        instructies opdrachten opdracht regels aanwijzingen
        instrukcje instrukcji polecenia polecen zasady wytyczne
        инструкции инструкция инструкциям указания указании правила команды
        talimatlari talimatlar talimat kurallari komutlari
        指令 指示 说明 命令 规则 指令 提示 要求 ルール 지시 지침 명령 instruksi perintah huong instruktioner instruksjoner ohjeet"),
    (Parts::MODEL, "
        assistant assistants ai llm llms chatgpt gpt gpt3 gpt4 openai claude anthropic gemini copilot bard llama mistral
        deepseek grok qwen bot chatbot chatbots agent agents model models clyde siri alexa bing
        ki modell assistent assistente asistente agente modelo modele modello asystent модель ассистент
        помощник ии нереиросеть yapay 助手 模型 人工 智能 助理 アシ 모델 비서 assistente"),
    (Parts::PERSONA, "
        dan jailbreak jailbroken unfiltered uncensored unrestricted unlimited amoral unethical
        aim stan dude evilbot godmode unchained unbound liberated rogue omega immoral unshackled freed
        betterdan maximum uncensored devmode sin illimite uneingeschrankt 越狱"),
    (Parts::REVEAL, "
        reveal reveals revealing show print repeat output display disclose dump expose leak divulge recite
        echo return list extract provide share give summarize reproduce
        revele revelez affiche montre montrez repete donne divulgue
        zeige zeig gib nenne wiederhole verrate drucke offenbare ausgeben
        revela revele muestra muestrame imprime repite dime muestre mostrar
        rivela mostra mostrami stampa ripeti dimmi
        mostre mostra repita diga imprima exiba
        toon onthul herhaal geef druk
        pokaz ujawnij powtorz wypisz podaj
        покажи раскрои выведи повтори напечатаи скажи
        goster acikla yazdir tekrarla soyle
        显示 输出 透露 泄露 打印 告诉 重复 表示 教え 出力 보여 출력 공개"),
    (Parts::SEND, "
        send sends sending forward forwarding email mail post upload transmit exfiltrate submit transfer
        share publish deliver relay deposit wire pay buy purchase append include embed attach copy encode
        envoie envoyer envoyez transfere transmets
        sende senden schicke weiterleiten leite ubermittle uberweise
        envia enviar envie reenvia manda transfiere
        invia inviare inoltra trasferisci
        envie encaminhe transfira
        stuur verzend verstuur
        wyslij przeslij przekaz
        отправь отправить отправьте перешли переведи
        gonder ilet aktar
        发送 转发 上传 转账 送信 転送 보내 전송 kirim"),
    (Parts::LOOT, "
        password passwords passwd credential credentials token tokens secret secrets apikey key keys cookie
        cookies ssh rsa env wallet history conversation files inbox contacts personal private
        confidential sensitive data database balance ssn pin passphrase mnemonic
        passwort passworter kennwort zugangsdaten geheimnis geheime schlussel
        contrasena contrasenas clave claves secreto credenciales datos
        motdepasse identifiants passe cles
        senha senhas chave credenziali segreto chiave dati
        wachtwoord haslo hasla klucz пароль пароли ключ данные секрет sifre parola
        密码 密钥 凭证 数据 秘密 口令 機密 パス 鍵を 비밀 암호"),
    (Parts::NOT, "
        not don never without no cannot must nicht kein keine niemals ohne ne pas jamais sans aucun aucune
        sin nunca jamas non senza mai nao sem niet nooit zonder geen nie bez не никогда без hicbir asla olmadan
        不要 不得 没有 不能 别再 しな なし 없이 마라 tanpa jangan"),
    (Parts::TELL, "
        tell telling mention mentioning inform informing notify notifying alert say saying disclose explain
        acknowledge warn warning asking confirm confirmation
        sage sagen erwahne erwahnen informiere mitteilen dis dire mentionne mentionner informe informer
        digas decir menciones mencionar informar dica menzionare dire informare diga mencione
        vertel noem mow mowic wspominaj говори говорить упоминаи сообщаи soyleme bahsetme 告诉 提及 提到 通知 伝え 言わ"),
    (Parts::USER, "
        user users human humans operator operators customer anyone person owner reader nutzer benutzer anwender
        utilisateur usuario utente usuario gebruiker uzytkownik uzytkownikowi пользователь пользователю
        kullanici kullaniciya 用户 使用 ユー 사용 pengguna"),
    (Parts::SECRET, "
        secretly silently quietly discreetly covertly hidden invisible confidential confidentially undetected unnoticed
        heimlich unbemerkt discretement secretement silencieusement discretamente secretamente sigilosamente
        segretamente silenziosamente stiekem potajemnie dyskretnie таино незаметно gizlice 秘密 偷偷 悄悄 暗中 密か"),
    (Parts::URGENT, "
        important urgent critical attention mandatory immediately priority warning notice required essential
        crucial emergency asap wichtig dringend sofort achtung urgente importante inmediatamente attenzione
        subito atencao imediatamente belangrijk dringend onmiddellijk wazne pilne natychmiast uwaga важно срочно
        внимание немедленно onemli acil derhal dikkat 重要 紧急 立即 注意 重要 緊急 直ち 중요 긴급 즉시 penting"),
    (Parts::NEW, "
        new following updated real actual actually instead now henceforth onwards next below true
        neue neuen folgende folgenden stattdessen jetzt nun ab nouvelle nouvelles nouveau suivantes suivante
        maintenant plutot nueva nuevas nuevo siguiente siguientes ahora nuove nuovo seguenti invece ora adesso
        nova novas novo seguinte agora nieuwe volgende nu nowe nowa teraz следующие новые новая теперь вместо
        yeni simdi bunun 新的 以下 现在 接下 从现 新し 今か 새로 이제 baru sekarang"),
    (Parts::ROLE, "
        system admin administrator developer root sysadmin superuser sudo operator supervisor ceo security
        entwickler administrateur desarrollador administrador amministratore sviluppatore desenvolvedor
        beheerder администратор система системныи систем sistem yonetici 系统 管理 开发 シス 管理 시스 관리"),
    (Parts::YOU, "
        you your yours yourself u ur du dein deine deiner deinen dich dir sie ihre ihren tu ton ta tes vous
        votre vos te tus tuyo usted eres eres voce seu sua seus suas tuo tue tuoi sei lei je jouw jij uw
        ty twoje twoj twoich ci jestes ты твои вы ваш вас тебя sen senin siz 你的 您的 你是 あな 당신 너는 kamu anda"),
    (Parts::OBEY, "
        follow obey execute perform comply run carry adhere proceed complete do call invoke use fetch
        visit open download click install approve accept grant delete add create
        befolge fuhre folge ausfuhren suis suivez execute executez obeis sigue ejecuta obedece segui esegui
        obbedisci siga execute obedeca volg voer wykonaj postepuj выполни выполнить следуи uygula calistir
        执行 遵循 遵守 按照 调用 実行 従っ 실행 따라"),
    (Parts::ACT, "
        act acting pretend pretending roleplay simulate impersonate behave become imagine play persona
        character portray emulate role agis comporte imagine handle verhalte benimm spiele actua finge
        comportate simula agisci fingi comportati aja finja gedraag doe udawaj zachowuj притворись веди
        представь davran rol 扮演 假装 假设 充当 角色 演じ 振る 역할 행동"),
    (Parts::PLACE, "
        http https www url link webhook endpoint com net org address server site website email attacker evil
        channel iban account href src img markdown"),
    (Parts::TOOL, "
        tool tools function functions api call parameter argument sidenote plugin mcp shell terminal curl wget
        werkzeug outil herramienta strumento ferramenta narzedzie инструмент arac 工具 函数 ツー 도구"),
    (Parts::PROMPT, "
        prompt prompts systemprompt preprompt eingabeaufforderung промпт подсказку istem 提示 プロ 프롬"),
    (Parts::TASK, "
        task tasks request query question objective goal mission job assignment aufgabe anfrage tache requete
        tarea solicitud compito richiesta tarefa taak zadanie задача задание gorev 任务 请求 タス 작업"),
    (Parts::WHEN, "
        before after while whenever when first prior once until bevor zuerst avant abord antes primero
        prima voordat zanim прежде сначала once 首先 必须 まず 먼저"),
    (Parts::LIMITS, "
        ethical ethics moral morals morality legal illegal harmful censorship censored uncensored filter filters
        filtering limitations restrictions restricted boundaries consequences refuse refusal refusing decline
        apologize comply compliance openai tos warnings disclaimers beschrankungen einschrankungen
        restricciones limites sans restricoes restrizioni censura beperkingen ograniczen ограничении ограничения
        цензуры kisitlama sinir 限制 道德 约束 审查 制限 제한 윤리"),
    (Parts::TALK, "
        injection injections attack attacks attacker attackers adversarial vulnerability vulnerabilities exploit
        jailbreaks defense defenses mitigation mitigations detect detection detector detectors malicious
        benchmark probe probes redteam owasp research paper dataset"),
    (Parts::MUST, "
        must should shall need needs have required obligated musst mussen sollst dois devez doit debes debe
        tienes devi deve deves moet musisz должен должна обязан gerekir zorunda 必须 应该 需要 べき 해야"),
    (Parts::MODE, "mode modo modus modalita tryb режим 模式 モー"),
    (Parts::ANSWER, "
        say respond reply answer write output state type begin start end speak translate tell
        antworte sag schreibe reponds ecris responde di escribe rispondi scrivi responda escreva antwoord schrijf
        odpowiedz napisz ответь напиши скажи cevap yaz yanitla 回答 回复 说出 写出 答え 返信 대답 답변"),
    (Parts::COMMON, "
        the of and to in that it is with as on at by this from or an be are i me my we his her they them
        will can just only then please any for if so up out about into over but what which who how hello
        world message text word words every each more most been has had was were would could"),
];
