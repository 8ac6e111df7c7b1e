/** Words that give names and addresses away: frequent ones of many languages. A column is judged by many values, so few suffice. */

export const FIRST_NAMES: ReadonlySet<string> = new Set(
  `aaron abdul abdullah adam adrian agnes ahmed aisha alan albert alejandro alessandro alex alexander alexandra alexandre ali alice alicia
  alina amanda amelia amina amir amy ana anastasia anders andrea andreas andrei andrew andrzej angela angelika anita anja ann anna anne annika
  antoine anton antonio ariana arjun arthur astrid aylin barbara beatriz ben benjamin bernd bianca bilal birgit bjorn bob bogdan boris brandon
  brian bruno camila camille carla carlos carmen carol caroline catherine cem charles charlotte chen chloe chris christian christina christine
  christopher claire clara claudia craig cristina daniel daniela danielle dario david deborah denis dennis derya diana diego dieter dimitri
  dmitri dominik donald donna doris dorothy ebru edith eduardo edward elena eleni elif elisa elisabeth elizabeth ella emil emilia emily emma
  emre enrique eric erik erika ernst esra esther eva evelyn fabian fabio fatima fatma felix fernanda fernando filip finn florence florian
  francesca francesco francisco frank franz frederic fritz gabriel gabriela gary george gerald gerhard gisela giulia giuseppe gloria grace
  greta guillaume gustav hans hannah harald harry hassan heather heidi heinz helen helena helga helmut henrik henry hiroshi hugo hussein ian
  ibrahim igor ines inga ingrid irene irina isabel isabella ivan jack jackson jacob jacqueline jakob james jan jana jane janet jason javier
  jean jennifer jens jessica jessie jiri joan joanna joao johan johanna johannes john jonas jonathan jorge jose josef joseph joshua juan judith
  julia julian julie jun jurgen justin kai karen karin karl karolina katarina kate katharina katherine kathleen kathrin katja keith kelly kenji
  kenneth kevin khalid kim klaus konrad kristina kurt lars laura lauren lea leah lena leon leonardo lin linda lisa liu logan lorenzo louis louise
  luca lucas lucia lucie luis lukas luke magdalena manuel marc marco marcus margaret maria mariam marie marina mario mark markus marta martha
  martin martina mary maryam mateo mathias matteo matthew matthias maurice max maximilian mehmet melanie melissa mia michael michaela michal
  michel michelle miguel mike mila milan mohamed mohammad mohammed monica monika moritz mustafa nadia nancy natalia natalie natasha neil
  nicholas nicola nicolas nicole niels nikita nikolai nils nina noah noor nora norbert oleg olga oliver olivia omar oscar oskar otto pablo
  pamela paolo patricia patrick paul paula paulo pavel pedro peter petra philip philipp philippe pia pierre piotr priya rachel rafael rahul
  rainer raj ralf ramon raul ravi rebecca renata renate rene ricardo richard rita robert roberto roland roman ronald rosa rosemary roxana ruben
  rudolf ruth ryan sabine sakura salma sam samantha samir samuel sandra sanjay sara sarah scott sean sebastian selin sergei sergio sharon shirley
  silvia simon simone sofia sonia sophia sophie stefan stefanie stella stephanie stephen steven sunita susan susanne sven svetlana sylvia tamara
  tania tanja tatiana teresa thea theo theodore theresa thomas tim timothy tina tobias tom tomas toni tracy ursula uwe valentina valeria vanessa
  vera veronica victor victoria vincent viktor virginia vladimir walter wanda wei werner wilhelm william wolfgang xavier xin yan yara yasmin
  yuki yusuf yvonne zainab zhang zoe`
    .split(/\s+/)
    .filter((name) => name !== ''),
);

export const STREET_WORDS =
  /\b(street|st\.?|avenue|ave\.?|road|rd\.?|lane|ln\.?|drive|dr\.?|boulevard|blvd\.?|court|square|terrace|way|highway|rue|allée|chemin|quai|via|viale|piazza|corso|calle|carrer|avenida|plaza|paseo|rua|travessa|praça|ulica|ul\.|aleja|plac|ulitsa|ул\.|gata|gatan|vägen|vej|gade|katu|tie|straat|laan|weg|plein|dreef|utca|út|sokak|caddesi|cad\.)(?=\s|,|$|\d)|\p{L}{3,}(straße|strasse|str\.|weg|platz|allee|gasse|ring|ufer|damm|straat|laan|plein|gatan|vägen|vej|gade|katu|utca)\b/iu;
