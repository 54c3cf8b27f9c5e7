"""What the scanner knows of HTML: element names by kind, and words of class and id attributes by what they hint at.

Everything becomes small hash tables of arrays, so that compiled code looks names up in the page's bytes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

FNV_BASIS, FNV_PRIME = 2166136261, 16777619  # 32-bit FNV-1a (Fowler, Noll, Vo)

# How the scanner treats an element: its text runs on, starts a block, is passed over, or is taken as it stands.
INLINE, BLOCK, SKIP, RAW, VOID, IGNORE = range(6)

_TAGS: dict[int, str] = {
    IGNORE: "html head body",
    INLINE: "a abbr acronym b bdi bdo big cite code data dfn em font i ins del kbd label mark nobr q rp rt ruby s samp "
    "small span strike strong sub sup time tt u var math picture slot summary",
    BLOCK: "p div section article main nav header footer aside h1 h2 h3 h4 h5 h6 ul ol li dl dt dd table caption thead "
    "tbody tfoot tr td th pre listing blockquote figure figcaption form fieldset legend details address center button "
    "noscript template hgroup menu dialog search unknown_",
    SKIP: "script style svg canvas iframe object applet audio video map select datalist noframes noembed title "
    "frameset",
    RAW: "textarea xmp plaintext",
    VOID: "br hr img input meta link wbr area base col embed param source track",
}

TAGS: tuple[str, ...] = ("", *(name for names in _TAGS.values() for name in names.split()))
ID = {name: number for number, name in enumerate(TAGS)}
KIND = np.full(len(TAGS), BLOCK, np.uint8)
for _kind, _names in _TAGS.items():
    KIND[[ID[name] for name in _names.split()]] = _kind

# Bits of a node, by words of its class, id and role. The lists are those that extractors by rule have in common, and
# what content management systems, documentation generators and forums call their parts.
_WORDS: tuple[tuple[str, str], ...] = (
    (
        "nav",
        "nav navigation navbar navi menu mainmenu submenu dropdown sitemap navmenu megamenu topnav navtree",
    ),
    (
        "crumb",
        "breadcrumb breadcrumbs crumb crumbs pagination pager paging pagenav prevnext prev next previous",
    ),
    (
        "header",
        "header masthead banner topbar top hdr branding logo",
    ),
    (
        "footer",
        "footer foot bottom colophon copyright legal imprint",
    ),
    (
        "side",
        "sidebar side aside rail secondary right left widget widgets widgetarea sphinxsidebar complementary",
    ),
    (
        "related",
        "related recommend recommended recommendation recommendations more also similar popular trending "
        "latest recent mostread most readmore teaser teasers promo promos promotion yarpp recirc onward",
    ),
    (
        "comment",
        "comment comments commentlist disqus reply respond discussion discuss replies commentaires kommentare",
    ),
    (
        "share",
        "share sharing social socials facebook twitter follow addthis sns sharedaddy sharebar addtoany pinterest",
    ),
    (
        "ad",
        "ad ads advert advertisement advertising adsense dfp sponsor sponsored outbrain taboola adbox adslot "
        "adv anzeige werbung publicidad reklama promoted",
    ),
    (
        "meta",
        "meta byline author authors bio date time timestamp published posted info postmeta dateline posthead "
        "datum autor auteur avatar profile about",
    ),
    (
        "tag",
        "tags tag taglist category categories cat topics keywords postcategory terms term",
    ),
    (
        "article",
        "article story articlebody storybody newsbody articlecontent articletext artikel noticia nota",
    ),
    (
        "content",
        "content contents main body text primary maincontent bodytext center txt inhalt contenido contenu",
    ),
    (
        "post",
        "post entry blog single detail hentry postbody entrycontent postcontent",
    ),
    (
        "figure",
        "caption figure image img gallery photo photos thumb thumbnail media credit slideshow carousel slider "
        "video player lightbox picture",
    ),
    (
        "popup",
        "cookie cookies consent gdpr modal popup overlay dialog newsletter subscribe subscription signup "
        "login signin register paywall optin alert notice notification",
    ),
    (
        "search",
        "search searchform form input filter sort select",
    ),
    (
        "hidden",
        "hidden hide sr invisible noprint screenreader visuallyhidden offscreen collapsed",
    ),
    (
        "title",
        "title headline heading subtitle subheading posttitle",
    ),
    (
        "list",
        "list item items card cards grid row col column columns listing results archive index",
    ),
    (
        "lead",
        "summary lead intro excerpt abstract standfirst dek description subhead deck lede sapo chapeau",
    ),
    (
        "code",
        "code highlight sourcecode pre syntax example output cell prompt snippet console literal",
    ),
    (
        "thread",
        "message messages thread topic forum postrow posts board bbp question answer answers",
    ),
    (
        "doc",
        "doc docs document documentation section chapter page wiki markdown rst prose book guide mdx rmd",
    ),
    (
        "quote",
        "quote blockquote pullquote quotation",
    ),
    (
        "toc",
        "toc outline tableofcontents localtoc contentstoc",
    ),
    (
        "tool",
        "link links button buttons btn action actions tool tools toolbar icon icons control controls options "
        "print email download edit editsection headerlink permalink anchor",
    ),
    (
        "note",
        "ref references reference footnote footnotes bibliography citation citations reflist",
    ),
    (
        "sign",
        "signature sig rank user username userinfo poster member",
    ),
    (
        "box",
        "box infobox navbox panel block module inset callout factbox hub region zone",
    ),
)
BITS: tuple[str, ...] = (*(name for name, _ in _WORDS), "main", "unseen")
MAIN, UNSEEN = np.uint32(1 << BITS.index("main")), np.uint32(1 << BITS.index("unseen"))
CODE_BIT = np.uint32(1 << BITS.index("code"))

# Function words of many languages: running text is full of them, labels are not. Only frequent ones of two letters up.
_FUNCTION_WORDS = """
the of and to in is that for it as was with be by on not he his but at are this have from or had an they which you we
their been has would her she all were will there can if more when who its what into than some could them do about
der die das und den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie
nach wird bei einer um am sind noch wie einem über so zum war haben nur oder aber vor zur bis mehr durch man dann
de la le et les des en un du une que est pour qui dans par sur pas au plus ne se ce il sont avec son aux cette ont
mais comme ou nous sa fait leur été elle ces peut tout être ses vous je on si
el los las y del se por con una para su es al lo como más pero sus le ya este sí porque esta entre cuando muy sin
sobre también me hasta hay donde quien desde todo nos durante uno ni contra otros ese eso fue era
da do em não os no na dos das mais foi ao pela pelo ou quando muito nos já eu também só seu sua são mas às
di che è non il per sono della con gli alla dei ha nel si le più anche come lo ma questo al delle dal nella suo
het een van dat op te zijn niet met voor aan er om ook dan bij nog naar uit worden door maar wordt wat zo hebben of
og det at som til på med av den ikke han var jeg en har om vi så et men fra ble skal seg hun kan ved
och att är för inte jag ett hade men sig vad eller där från upp nu
ja on ei se että oli mutta hän ovat kuin myös joka sen
w na nie się jest do to że co jak ale po za od przez dla są jego być może tego ich tym czy oraz był
se na že je to by jak ale za pro od po jsou jako být také který která nebo už při podle jeho aby
és egy hogy nem az meg is van ez volt csak már mint még vagy ki
bir ve bu için da de ile olarak daha çok olan gibi ne sonra kadar var en değil her ama
và của là có cho không được trong một các người này với những đã để từ khi
και το να της για με που την από στο είναι τα του δεν σε οι ότι
и в не на что с он как это по но из у за от так же для все бы если было его или при до
и на да се за от са по не ще като че това който
на и в що не з до це як та за від для які але або його
ال في من على أن إلى عن هذا التي الذي مع كان لا ما هذه بعد
של את על לא הוא כי זה עם גם אבל היא אל
yang dan di dari ini untuk dengan dalam tidak itu pada adalah akan ke juga
"""


# Words that stand in what surrounds a text: asking to subscribe, share, read on, log in; rights, cookies, advertising.
_ASIDE_WORDS = """
subscribe subscribed subscription subscriptions newsletter newsletters signup sign login log register
advertisement advertising sponsored sponsor copyright rights reserved cookies cookie privacy policy terms share
sharing tweet pin follow facebook twitter instagram whatsapp linkedin youtube pinterest telegram email print
related recommended popular trending click here read more also missed miss watch listen download comments
comment reply replies likes previous next menu search home contact tags tagged categories category archives
posted published updated author photo image source credit getty courtesy reuters advertise affiliate disclosure
disclaimer promo coupon deal deals buy shop cart sale gallery slideshow skip jump powered anzeige werbung
abonnieren abo anmelden teilen kommentar kommentare mehr lesen weiterlesen weitere artikel drucken datenschutz
impressum cookies nutzungsbedingungen urheberrecht foto bild quelle suche startseite kontakt themen autor
suscríbete suscribirse boletín compartir comparte comentarios comentario síguenos leer más relacionadas
relacionados publicidad derechos reservados privacidad aviso inicio buscar contacto etiquetas fuente fotos
inscreva assine compartilhe compartilhar comentários leia mais saiba clique veja também publicidade direitos
reservados abonnez abonner partager partagez commentaires commenter lire aussi suite publicité droits réservés
confidentialité accueil recherche contactez imprimer crédit iscriviti abbonati condividi commenti leggi anche
tutti diritti riservati pubblicità seguici cerca stampa fonte abonneer delen reacties lees meer advertentie
подписаться подписывайтесь поделиться комментарии комментарий читайте также реклама источник фото главная поиск
udostępnij komentarze czytaj także więcej reklama źródło fot zobacz subskrybuj zaloguj sdílet komentáře čtěte
také více reklama zdroj foto přihlásit paylaş yorum yorumlar devamı oku haberler reklam kaynak abone chia sẻ
bình luận xem thêm nguồn ảnh bagikan komentar baca juga selengkapnya
"""


def fnv(data: bytes) -> int:
    """32-bit FNV-1a of bytes, as the scanner computes it."""
    value = FNV_BASIS
    for byte in data:
        value = ((value ^ byte) * FNV_PRIME) & 0xFFFFFFFF
    return value


def table(entries: dict[bytes, int]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """An open-addressed table of hashes (0: free) and values, a power of two long and at most a quarter full."""
    size = 1 << (4 * len(entries) - 1).bit_length()
    keys, values = np.zeros(size, np.uint32), np.zeros(size, np.uint32)
    for word, value in entries.items():
        key = fnv(word)
        slot = key & (size - 1)
        while keys[slot] not in (0, key):
            slot = (slot + 1) & (size - 1)
        keys[slot], values[slot] = key, value
    return keys, values


TAG_KEYS, TAG_VALUES = table({name.encode(): number for name, number in ID.items() if name})
_BITS_OF: dict[bytes, int] = {}
for _bit, (_, _names) in enumerate(_WORDS):
    for _word in _names.split():
        _BITS_OF[_word.encode()] = _BITS_OF.get(_word.encode(), 0) | 1 << _bit
WORD_KEYS, WORD_VALUES = table(_BITS_OF)
ASIDE_KEYS, ASIDE_VALUES = table({word.encode(): 1 for word in sorted(set(_ASIDE_WORDS.split()))})
FUNCTION_KEYS, FUNCTION_VALUES = table({word.encode(): 1 for word in sorted(set(_FUNCTION_WORDS.split()))})
