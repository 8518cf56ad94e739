// Opens pages of Consul's UI in Chromium: prints what they say, as JSON, and takes pictures.
// argv: the browser's program, then triples of URL, a word to wait for, and a file ('-' for none).
const { chromium } = require('playwright-core');

async function main([executablePath, ...pages]) {
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  const page = await browser.newPage({ viewport: { width: 1280, height: 780 } });
  const texts = [];
  while (pages.length) {
    const [url, word, file] = pages.splice(0, 3);
    await page.goto(url, { waitUntil: 'domcontentloaded' });
    await page.getByText(word).first().waitFor({ timeout: 20000 });
    texts.push(await page.locator('main').innerText());
    if (file !== '-') {
      await page.evaluate(() => document.activeElement.blur());
      await page.screenshot({ path: file });
    }
  }
  await browser.close();
  console.log(JSON.stringify(texts));
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
