/** The words the demo's shop is made of. Flat tables; every person is invented. */

export const FIRST_NAMES: readonly string[] = [
  ...['Amara', 'Aisha', 'Alejandro', 'Anders', 'Anna', 'Antoine', 'Astrid', 'Ayumi', 'Beatriz', 'Benjamin'],
  ...['Camille', 'Carlos', 'Chiara', 'Chloe', 'Chinedu', 'Clara', 'Daniel', 'Dmitri', 'Elena', 'Elif'],
  ...['Emily', 'Emre', 'Erik', 'Esther', 'Fatima', 'Felix', 'Francesca', 'Gabriel', 'Giulia', 'Grace'],
  ...['Hana', 'Hannah', 'Harun', 'Helena', 'Hiroshi', 'Ibrahim', 'Ines', 'Ingrid', 'Isabel', 'Ivan'],
  ...['Jakub', 'James', 'Jing', 'João', 'Jonas', 'Julia', 'Kaito', 'Karim', 'Katarzyna', 'Kwame'],
  ...['Lars', 'Laura', 'Leila', 'Lena', 'Liam', 'Lin', 'Lucia', 'Luca', 'Magnus', 'Maja'],
  ...['Marco', 'Maria', 'Mateo', 'Maya', 'Mei', 'Mia', 'Miguel', 'Mohammed', 'Nadia', 'Naomi'],
  ...['Niamh', 'Nikolai', 'Noah', 'Nora', 'Olivia', 'Omar', 'Oscar', 'Paolo', 'Petra', 'Priya'],
  ...['Rafael', 'Rania', 'Ravi', 'Rosa', 'Samuel', 'Sanjay', 'Sara', 'Sofia', 'Stefan', 'Tariq'],
  ...['Thandiwe', 'Thomas', 'Tomas', 'Valentina', 'Viktor', 'Wanjiru', 'Yasmin', 'Yuki', 'Zoe', 'Zuzanna'],
];

export const LAST_NAMES: readonly string[] = [
  ...[
    'Abbas',
    'Adeyemi',
    'Almeida',
    'Andersson',
    'Bauer',
    'Becker',
    'Bernard',
    'Bianchi',
    'Brown',
    'Castillo',
  ],
  ...['Chen', 'Costa', 'Demir', 'Diallo', 'Dubois', 'Eriksen', 'Farah', 'Fernandez', 'Ferrari', 'Fischer'],
  ...['Garcia', 'Gruber', 'Haddad', 'Hansen', 'Hernandez', 'Hoffmann', 'Horvat', 'Ibrahim', 'Ito', 'Jansen'],
  ...['Johansson', 'Jones', 'Kaya', 'Keller', 'Khan', 'Kim', 'Kowalski', 'Kumar', 'Lambert', 'Larsen'],
  ...['Lee', 'Lopez', 'Mahlangu', 'Martin', 'Mendes', 'Meyer', 'Moreau', 'Moretti', 'Mueller', 'Murphy'],
  ...[
    'Mwangi',
    'Nakamura',
    'Ncube',
    'Nguyen',
    'Nielsen',
    'Novak',
    "O'Brien",
    'Okafor',
    'Osei',
    'Papadopoulos',
  ],
  ...['Patel', 'Pereira', 'Petrov', 'Popescu', 'Ramos', 'Reyes', 'Ricci', 'Rossi', 'Ryan', 'Saito'],
  ...['Santos', 'Sato', 'Schmidt', 'Schneider', 'Sharma', 'Silva', 'Singh', 'Smith', 'Sousa', 'Suzuki'],
  ...[
    'Svensson',
    'Takahashi',
    'Tanaka',
    'Taylor',
    'Torres',
    'Toth',
    'Traore',
    'Vasquez',
    'Virtanen',
    'Visser',
  ],
  ...['Wagner', 'Walsh', 'Wang', 'Weber', 'Williams', 'Wojcik', 'Yamamoto', 'Yilmaz', 'Zhang', 'Zimmermann'],
];

/** City, the country's ISO 3166 code, calling code. */
export const CITIES: readonly (readonly [city: string, country: string, calling: string])[] = [
  ['Amsterdam', 'NL', '31'],
  ['Barcelona', 'ES', '34'],
  ['Berlin', 'DE', '49'],
  ['Boston', 'US', '1'],
  ['Chicago', 'US', '1'],
  ['Copenhagen', 'DK', '45'],
  ['Dublin', 'IE', '353'],
  ['Hamburg', 'DE', '49'],
  ['Kraków', 'PL', '48'],
  ['Lisbon', 'PT', '351'],
  ['London', 'GB', '44'],
  ['Lyon', 'FR', '33'],
  ['Milan', 'IT', '39'],
  ['Munich', 'DE', '49'],
  ['Osaka', 'JP', '81'],
  ['Paris', 'FR', '33'],
  ['Seattle', 'US', '1'],
  ['Stockholm', 'SE', '46'],
  ['Vienna', 'AT', '43'],
  ['Zürich', 'CH', '41'],
];

export const STREETS: readonly string[] = [
  ...['Mill Lane', 'Station Road', 'Church Street', 'Park Avenue', 'Harbour Way', 'Orchard Close'],
  ...['Castle Hill', 'Elm Grove', 'Market Square', 'River Walk', 'Linden Alley', 'Canal Street'],
];

/** Example domains of RFC 2606: no mail ever arrives. */
export const MAIL_DOMAINS: readonly string[] = ['example.com', 'example.net', 'example.org'];

export const PLANS: readonly (readonly [plan: string, weight: number])[] = [
  ['free', 60],
  ['plus', 30],
  ['business', 10],
];

export const PRODUCTS: readonly (readonly [name: string, category: string, cents: number])[] = [
  ['Filter coffee maker', 'kitchen', 7900],
  ['Espresso cups, set of 4', 'kitchen', 3200],
  ['Cast-iron pan 28 cm', 'kitchen', 5400],
  ['Chef’s knife 20 cm', 'kitchen', 8900],
  ['Bread box, oak', 'kitchen', 6100],
  ['Kettle, gooseneck', 'kitchen', 7200],
  ['Desk lamp', 'office', 4900],
  ['Notebook, dotted', 'office', 1400],
  ['Fountain pen', 'office', 3900],
  ['Standing desk mat', 'office', 5900],
  ['Monitor arm', 'office', 11900],
  ['Cable organiser', 'office', 1200],
  ['Wool blanket', 'home', 9900],
  ['Linen sheets', 'home', 12900],
  ['Wall clock', 'home', 4400],
  ['Vase, stoneware', 'home', 3700],
  ['Plant pot, large', 'home', 2900],
  ['Scented candle', 'home', 2400],
  ['Rain jacket', 'outdoor', 13900],
  ['Hiking socks, 3 pairs', 'outdoor', 2700],
  ['Camping stove', 'outdoor', 6900],
  ['Head torch', 'outdoor', 3500],
  ['Insulated bottle', 'outdoor', 2900],
  ['Picnic hamper', 'outdoor', 8400],
];

export const ORDER_STATUSES: readonly (readonly [status: string, weight: number])[] = [
  ['delivered', 78],
  ['shipped', 9],
  ['paid', 7],
  ['cancelled', 4],
  ['returned', 2],
];

/** Department, its titles, and the yearly salary's range. */
export const DEPARTMENTS: readonly (readonly [
  name: string,
  titles: readonly string[],
  low: number,
  high: number,
])[] = [
  ['Support', ['Support agent', 'Senior support agent', 'Support lead'], 38_000, 72_000],
  ['Logistics', ['Warehouse associate', 'Dispatcher', 'Logistics planner'], 34_000, 69_000],
  ['Engineering', ['Software engineer', 'Senior engineer', 'Staff engineer'], 68_000, 168_000],
  ['Finance', ['Accountant', 'Controller', 'Payments analyst'], 52_000, 121_000],
  ['Marketing', ['Copywriter', 'Campaign manager', 'Brand lead'], 45_000, 104_000],
  ['People', ['Recruiter', 'People partner'], 48_000, 98_000],
];

/** Subject and body of a ticket; `{name}`, `{email}`, `{phone}` and `{order}` are filled in. */
export const TICKETS: readonly (readonly [subject: string, body: string])[] = [
  ['Parcel has not arrived', 'Order {order} was due last week. Please call me on {phone}. {name}'],
  [
    'Wrong item delivered',
    'I ordered a kettle and received a lamp (order {order}). Write to {email}, thanks.',
  ],
  ['Refund is missing', 'I returned order {order} and still wait for the money. {name}, {email}'],
  [
    'Change of address',
    'I have moved. Can you send order {order} to my new address? You reach me on {phone}.',
  ],
  ['Invoice needed', 'Please send the invoice for order {order} to {email}.'],
  ['Damaged on arrival', 'The box of order {order} was open and one cup is broken. Regards, {name}'],
  ['Cannot log in', 'The password reset never arrives at {email}. Please help. {name}'],
  ['Cancel my order', 'Please cancel order {order}, I clicked twice.'],
  ['Delete my account', 'Under the GDPR I ask you to erase what you hold about {name} ({email}, {phone}).'],
  ['Thank you', 'Order {order} came a day early and the blanket is lovely!'],
];

/** Issuer prefixes of the numbers that payment providers publish for tests. */
export const CARD_PREFIXES: readonly (readonly [brand: string, prefix: string])[] = [
  ['visa', '400000'],
  ['mastercard', '555555'],
];
