// 300 questions with the team that should answer. In a real project these are read from files.
const subjects = {
  billing: ['my invoice', 'a refund', 'being charged twice', 'the price list'],
  delivery: ['my parcel', 'the courier', 'a late order', 'the tracking page'],
  account: ['my password', 'the login', 'a locked account', 'two factors'],
}
const phrases = ['I have a question about', 'please help me with', 'nobody answered about', 'again:', 'urgent,']

export const questions = Object.entries(subjects).flatMap(([team, topics]) =>
  Array.from({ length: 100 }, (_, index) => ({
    id: `${team}-${index}`,
    text: `${phrases[index % phrases.length]} ${topics[Math.floor(index / 5) % topics.length]} (case ${index})`,
    team,
  })),
)
